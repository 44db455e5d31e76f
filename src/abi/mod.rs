//! The only door to foreign callers: raw pointers come in here and nowhere else.

mod c;
mod cxx;
mod cxx_types;
