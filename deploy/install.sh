#!/bin/sh
# Installs the page and the service from a copy of this repository, for whoever runs them without it: an image, or a
# machine. Needs Python with venv, and no build tools: all that has to be built comes built.
#
#   deploy/install.sh SOURCE     writes /opt/denoise (Python) and /srv/denoise (the page's entry and its settings)
set -eu
source=$1 place=/opt/denoise page=/srv/denoise

python3 -m venv "$place"
"$place/bin/pip" install --quiet --no-cache-dir --no-compile --prefer-binary "$source[page]"

# What no server needs: the libraries' own tests, sources and headers, what installs packages, and parts that only other uses
# load: notebooks (pydeck), remote data and one library under three names (pyarrow), processors of other makers (LiteRT),
# web pages and objects (lxml), charts of other kinds (Streamlit).
packages=$(echo "$place"/lib/python3*/site-packages)
find "$packages" -depth -type d \( -name tests -o -name include -o -name __pycache__ \) -exec rm -r {} +
find "$packages" -type f \( -name "*.py[xi]" -o -name "*.pxd" -o -name "*.[ach]" \) -delete
cd "$packages"
rm -rf pip pip-* setuptools setuptools-* pkg_resources _distutils_hack distutils-precedence.pth "$place"/bin/pip*
rm -rf pydeck/nbextension "$place"/share pyarrow/libarrow_flight.so* pyarrow/_flight.* pyarrow/libarrow_s3.so* \
  pyarrow/_s3fs.* pyarrow/libarrow_python*.so pyarrow/libarrow_python*.so.*.*.* pyarrow/src \
  lxml/html lxml/isoschematron lxml/objectify.* \
  ai_edge_litert/libLiteRtWebGpuAccelerator.so ai_edge_litert/vendors ai_edge_litert/tools ai_edge_litert/aot
for kind in PlotlyChart DeckGlJsonChart EChartsChart GraphVizChart elk cytoscape; do
  rm -f streamlit/static/static/js/"$kind"[.-]*.js
done

mkdir -p "$page"
cp -r "$source/app.py" "$source/page.py" "$source/.streamlit" "$page"
