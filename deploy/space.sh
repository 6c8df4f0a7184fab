#!/bin/sh
# Writes what a Space of Hugging Face is made of: the Dockerfile, all that it sees, and a README that says so.
#
#   deploy/space.sh FOLDER && hf upload USER/NAME FOLDER --repo-type space
set -eu
mkdir "$1"
space=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
tar -c --exclude=__pycache__ --exclude='*.h5' .dockerignore $(sed -n 's/^!//p' .dockerignore) | tar -x -C "$space"
cp deploy/Dockerfile "$space"
printf '%s\n' --- 'title: Denoise' 'sdk: docker' 'app_port: 8501' --- '' | cat - README.md >"$space/README.md"
