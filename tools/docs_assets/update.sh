#!/usr/bin/env bash
# Fetches the files of the documentation pages from their npm packages into server/docs/assets, packed as they are sent.
# Only these files are taken: as dependencies the two packages bring 126 others, 98 MB on disk, none of which runs.
set -euo pipefail
cd "$(dirname "$0")/../../server/docs/assets"

SWAGGER_UI=swagger-ui-dist@5.35.0
REDOC=redoc@2.5.4

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

unpack() { # PACKAGE FOLDER
  mkdir "$work/$2"
  npm pack --silent --pack-destination "$work/$2" "$1" >/dev/null
  tar -xzf "$work/$2"/*.tgz -C "$work/$2"
}
# No name and no time in the header, so that the same file gives the same bytes.
pack() { gzip -9nc "$work/$1" >"$2.gz"; }

unpack "$SWAGGER_UI" swagger
unpack "$REDOC" redoc
pack swagger/package/swagger-ui.css swagger-ui.css
pack swagger/package/swagger-ui-bundle.js swagger-ui-bundle.js
# ReDoc fetches its maker's logo from elsewhere: an empty picture takes its place.
sed -i 's#https://cdn\.redoc\.ly/redoc/logo-mini\.svg#data:image/gif;base64,R0lGODlhAQABAAAAACw=#' \
  "$work/redoc/package/bundles/redoc.standalone.js"
pack redoc/package/bundles/redoc.standalone.js redoc.standalone.js
cp "$work/swagger/package/LICENSE" swagger-ui.LICENSE
cp "$work/swagger/package/NOTICE" swagger-ui.NOTICE
cp "$work/redoc/package/LICENSE" redoc.LICENSE
cp "$work/redoc/package/bundles/redoc.standalone.js.LICENSE.txt" redoc.bundled.LICENSE
printf '%s\n%s\n' "$SWAGGER_UI" "$REDOC" >VERSIONS
