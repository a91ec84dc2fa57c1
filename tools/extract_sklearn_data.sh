#!/bin/sh
# Brings the files of the data sets digits and breast_cancer, which Debian carries inside its
# package python3-sklearn, into a folder, without installing that package or Python.
#
#   tools/extract_sklearn_data.sh DIR [PACKAGE.deb]
#
# Does nothing, and says nothing, when both files are there with the right content. Without a
# package file it is downloaded by apt-get, which checks its signature.
set -eu

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo "usage: $0 DIR [PACKAGE.deb]" >&2
  exit 2
fi
mkdir -p "$1"
target=$(cd "$1" && pwd)
inside=./usr/lib/python3/dist-packages/sklearn/datasets/data
files="digits.csv.gz breast_cancer.csv"

# Whether both files in folder $1 hold the rows that shoal expects.
complete() {
  [ "$(gzip -dc "$1/digits.csv.gz" 2>/dev/null | wc -l)" -eq 1797 ] &&
    [ "$(wc -l < "$1/breast_cancer.csv" 2>/dev/null || echo 0)" -eq 570 ]
}

if [ -f "$target/digits.csv.gz" ] && [ -f "$target/breast_cancer.csv" ] && complete "$target"; then
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ $# -eq 2 ]; then
  package=$2
else
  # The download runs in the temporary folder; apt's own sandbox user must be able to write there.
  chmod 755 "$work"
  download() { (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download python3-sklearn); }
  refresh() { if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi; }
  # A machine that has never looked has no list of packages yet.
  download 2> /dev/null || { refresh && download; } || {
    echo "$0: apt-get could not download python3-sklearn; give its .deb as second argument" >&2
    exit 1
  }
  package=$(ls "$work"/python3-sklearn_*.deb)
fi

for file in $files; do
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work" -O -f - "$inside/$file" > "$work/$file"
done
if ! complete "$work"; then
  echo "$0: $package does not hold the expected files" >&2
  exit 1
fi
for file in $files; do
  mv "$work/$file" "$target/$file.new"
  mv "$target/$file.new" "$target/$file"
done
