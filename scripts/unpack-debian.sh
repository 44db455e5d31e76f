#!/bin/bash
# unpack-debian.sh [-d] [-s SUITE] ARCHITECTURE DIRECTORY PACKAGE...
#
# Unpacks Debian packages, for whichever architecture, in a directory: those of this system's release, or
# of another suite; with -d also all that they depend on. A linux-image-* or linux-source is a metapackage, and
# stands for the package that it depends on. Nothing is installed: apt has lists and a status file of its
# own here, as on a machine without any package, with which no architecture has to be added to the system.

# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
readonly asked=$*
suite='' dependencies=''
[[ $1 != -d ]] || { dependencies=$1 && shift; }
[[ $1 != -s ]] || { suite=$2 && shift 2; }
readonly architecture=$1 directory=$2
[[ ! -e $directory/complete || $(cat "$directory/complete") != "$asked" ]] || exit 0

rm -rf "$directory"
mkdir -p "$directory"/apt/{lists,archives}/partial
cd "$directory"
: >apt/status
apt=(-qq -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture"
  -o "Dir::State=$PWD/apt" -o "Dir::State::status=$PWD/apt/status"
  -o "Dir::Cache=$PWD/apt" -o APT::Sandbox::User=)
if [[ -n $suite ]]; then
  # The mirror that this system uses.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' | head -n 1)
  [[ -n $mirror ]] || die "this system's apt has no mirror of Debian; run it on Debian."
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >apt/sources.list
  apt+=(-o "Dir::Etc::SourceList=$PWD/apt/sources.list" -o Dir::Etc::SourceParts=/dev/null)
fi
apt-get "${apt[@]}" update
if [[ -n $dependencies ]]; then
  apt-get "${apt[@]}" install -y --no-install-recommends --download-only "${@:3}"
  mv apt/archives/*.deb .
else
  for package in "${@:3}"; do
    [[ ! $package =~ ^linux-(image-|source$) ]] ||
      package=$(apt-cache "${apt[@]}" depends --important "$package" | sed -n 's/^ *Depends: //p')
    apt-get "${apt[@]}" download "$package"
  done
fi
for package in *.deb; do dpkg-deb -x "$package" .; done
rm -r apt ./*.deb
echo "$asked" >complete
