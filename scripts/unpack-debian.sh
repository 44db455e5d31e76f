#!/bin/bash
# unpack-debian.sh ARCHITECTURE DIRECTORY PACKAGE...
#
# Unpacks this system's release of Debian packages, for whichever architecture, in a directory. Nothing is
# installed: apt has lists of its own here, with which no architecture has to be added to the system.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
readonly architecture=$1 directory=$2
[[ ! -e $directory/complete || $(cat "$directory/complete") != "${*:3}" ]] || exit 0

rm -rf "$directory"
mkdir -p "$directory"/apt/{lists,archives}/partial
cd "$directory"
for command in update "download ${*:3}"; do
  # shellcheck disable=SC2086  # words
  apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" \
    -o Dir::State::lists="$PWD/apt/lists" -o Dir::State::status=/dev/null \
    -o Dir::Cache="$PWD/apt" -o APT::Sandbox::User= $command
done
for package in *.deb; do dpkg-deb -x "$package" .; done
rm -r apt ./*.deb
echo "${*:3}" >complete
