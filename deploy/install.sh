#!/bin/sh
# Installs the page and the service from a copy of this repository, for whoever runs them without it: an image, or a
# machine. Needs Python with venv, and no build tools: all that has to be built comes built.
#
#   deploy/install.sh SOURCE     writes /opt/denoise (Python) and /srv/denoise (the page's entry and its settings)
set -eu
source=$1 place=/opt/denoise page=/srv/denoise

python3 -m venv "$place"
"$place/bin/pip" install --quiet --no-cache-dir --no-compile --prefer-binary "$source[page]"

# What no server needs: the libraries' own tests, headers, and what is only for the making of maps and notebooks.
find "$place/lib" -depth -type d \( -name tests -o -name include -o -name __pycache__ \) -exec rm -r {} +
rm -r "$place"/lib/python3*/site-packages/pip "$place"/lib/python3*/site-packages/pip-* "$place"/bin/pip*

mkdir -p "$page"
cp -r "$source/app.py" "$source/page.py" "$source/.streamlit" "$page"
