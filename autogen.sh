#!/bin/sh
# Make ./configure and the Makefile.in from their sources.
set -eu
cd "$(dirname "$0")"
mkdir -p m4
exec autoreconf --install --warnings=all
