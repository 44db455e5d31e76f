//! A `double` as `std::cout` prints it.
#![forbid(unsafe_code)]

/// Six significant digits, without zeros at the end; with an exponent where that is below -4 or above
/// 5 (`%g`). Written here because printf would use the decimal point of the process's locale, which
/// `std::cout` does not.
pub fn six_digits(value: f64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if !value.is_finite() {
        return format!("{sign}{}", if value.is_nan() { "nan" } else { "inf" });
    }
    let scientific = format!("{:.5e}", value.abs());
    let (digits, exponent) = scientific.split_once('e').expect("it has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a number");
    if (-4..6).contains(&exponent) {
        let decimals = (5 - exponent) as usize;
        format!("{sign}{}", without_zeros(&format!("{:.decimals$}", value.abs())))
    } else {
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        format!("{sign}{}e{exponent_sign}{:02}", without_zeros(digits), exponent.abs())
    }
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::six_digits;

    #[test]
    fn numbers_are_those_of_printf() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (100.0, "100"),
            (12.5, "12.5"),
            (-1234.5678, "-1234.57"),
            (999_999.0, "999999"),
            (999_999.5, "1e+06"),
            (1_000_000.0, "1e+06"),
            (1_234_567.0, "1.23457e+06"),
            (0.0001, "0.0001"),
            (0.000_099_999_96, "0.0001"),
            (0.000_012_345_67, "1.23457e-05"),
            (0.5, "0.5"),
            (1e100, "1e+100"),
            (5e-324, "4.94066e-324"),
            (f64::MAX, "1.79769e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN.copysign(1.0), "nan"),
            (f64::NAN.copysign(-1.0), "-nan"),
        ] {
            assert_eq!(six_digits(value), text);
        }
    }
}
