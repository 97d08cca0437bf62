#!/bin/sh
# The Temporal development server alone, with its Web UI, configured by the files beside this script.
#   temporal-dev/start.sh [--port 7233] [--ui-port 8233] [any other flag of `temporal server start-dev`]
# State is kept in .devstack/temporal/temporal.db; TEMPORAL_DB_FILE names another file.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$here")
database=${TEMPORAL_DB_FILE:-$root/.devstack/temporal/temporal.db}

temporal=$root/.venv/bin/temporal
[ -x "$temporal" ] || temporal=$(command -v temporal) || {
    echo "The temporal command is missing: run 'make install', or install the Temporal CLI." >&2
    exit 1
}

# A list of arguments that survives spaces and quotes: the positional parameters, the caller's own last.
user_arguments=$#
while IFS='=' read -r key value; do
    set -- "$@" --dynamic-config-value "$key=$value"
done <<EOF
$(awk '/^[A-Za-z]/ { key = $1; sub(/:$/, "", key) } /^ +- value:/ { sub(/^ +- value: */, ""); print key "=" $0 }' \
    "$here/dynamicconfig.yaml")
EOF
while read -r attribute; do
    [ -z "$attribute" ] || set -- "$@" --search-attribute "$attribute"
done <"$here/search-attributes.txt"
while read -r pragma; do
    [ -z "$pragma" ] || set -- "$@" --sqlite-pragma "$pragma"
done <"$here/sqlite-pragmas.txt"
while [ "$user_arguments" -gt 0 ]; do
    argument=$1
    shift
    set -- "$@" "$argument"
    user_arguments=$((user_arguments - 1))
done

mkdir -p "$(dirname -- "$database")"
exec "$temporal" server start-dev --ip 127.0.0.1 --db-filename "$database" "$@"
