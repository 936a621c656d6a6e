#!/bin/sh
# Stands for the tools of five languages, by the name that it is called by. What it makes are the files that the tool would read.
set -eu

# The files of a package, and of the library if the package names it.
below=''
package() {
    find "$1" $below -type f ! -path '*/dist/*' ! -path '*/build/*' ! -path '*/target/*' | sort | while read -r file; do
        echo "$file"
        cat "$file"
    done
    if [ "$1" != libs/common ] && grep -rq libs "$1" && [ -d libs/common ]; then package libs/common; fi
}

# The folder of the manifest that has this line.
folder_of() {
    find . -name "$1" -exec grep -l "$2" {} + | sed -e 's,^\./,,' -e 's,/[^/]*$,,' | head -n 1
}

case ${0##*/}:$* in
cargo:*)
    mkdir -p target/release
    { cat Cargo.toml Cargo.lock; package "$(folder_of Cargo.toml "^name = \"$4\"")"; } >"target/release/$4"
    ;;
corepack:*) ;;
dotnet:*)
    mkdir -p /out
    { cat Directory.Build.props; package "${2%/*}"; } >/out/app.dll
    ;;
go:mod*) cat go.mod go.sum >/dev/null ;;
go:*)
    # A package of Go is one folder.
    below='-maxdepth 1'
    mkdir -p "${3%/*}"
    { cat go.mod go.sum; package "${4#./}"; } >"$3"
    ;;
gradle:*)
    folder=$(echo "${1%:*}" | sed -e 's,^:,,' -e 's,:,/,g')
    mkdir -p "$folder/build/libs"
    { cat settings.gradle build.gradle; package "$folder"; } >"$folder/build/libs/app.jar"
    ;;
npm:*) cat package.json package-lock.json >.packages ;;
pip:*) cp "$3" /opt/requirements ;;
pnpm:install*) cat package.json pnpm-lock.yaml pnpm-workspace.yaml >/dev/null ;;
pnpm:*)
    folder=$(folder_of package.json "\"name\": \"$2\"")
    mkdir -p "$folder/dist"
    package "$folder" >"$folder/dist/index.js"
    ;;
*)
    echo "nobody said what $0 does" >&2
    exit 1
    ;;
esac
