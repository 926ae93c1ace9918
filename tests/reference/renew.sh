#!/bin/bash
# SPDX-License-Identifier: MIT
# Renews the reference values in this folder from llama.cpp as packaged on npm. See README.md.
# usage: tests/reference/renew.sh FOLDER-WITH-NODE_MODULES [BUILD-FOLDER [CHECKPOINT...]]
# With names only the logits of those checkpoints.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
packages=$(cd "$1" && pwd)/node_modules
build=$(cd "${2:-$here/../../build}" && pwd)
names=("${@:3}")
make_checkpoint=$build/tests/support/make-checkpoint
libraries=$packages/@node-llama-cpp/linux-x64/bins/linux-x64
export GGML_NO_BACKTRACE=1 # it would call a debugger, which prints among the results
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The headers of the very release that the libraries were built from.
git clone --quiet "$packages/node-llama-cpp/llama/gitRelease.bundle" "$work/source" 2> /dev/null
library () { (cd "$libraries" && ls | grep -E "^lib$1(\.v[0-9.]+)?\.so$"); }
cc -O1 -Wall -o "$work/oracle" "$here/oracle.c" "$here/oracle-routing.c" -DORACLE_BACKENDS="\"$libraries\"" \
  -I"$work/source/include" -I"$work/source/ggml/include" $(pkg-config --cflags --libs glib-2.0) -lm \
  -L"$libraries" -l:"$(library llama)" -l:"$(library ggml)" -l:"$(library ggml-base)" -Wl,-rpath,"$libraries"

vocabularies=()
[ ${#names[@]} -gt 0 ] || mapfile -t names < <("$make_checkpoint" --list)
for name in "${names[@]}"; do
  case $name in
    vocab-*)
      "$make_checkpoint" "$name" "$work/$name.gguf"
      vocabularies+=("$work/$name.gguf")
      continue ;;
  esac
  "$make_checkpoint" --f32 "$name" "$work/f32.gguf"
  "$make_checkpoint" "$name" "$work/stored.gguf"
  files=("$work/f32.gguf")
  case $name in *-f32) ;; *) files+=("$work/stored.gguf") ;; esac
  "$work/oracle" logits "$name" "$here/$name.logits" "${files[@]}" $("$make_checkpoint" --tokens "$name")
done
[ ${#vocabularies[@]} -gt 0 ] || exit 0
"$make_checkpoint" --blocks "$work/blocks"
"$work/oracle" expansions "$work/blocks" > "$here/expansions.txt"
"$work/oracle" tokens "$here/hard-strings.txt" "${vocabularies[@]}" "$here/../../data/demo-model/demo-q8_0.gguf" \
  > "$here/tokenizer.json"
all=()
for name in $("$make_checkpoint" --pre-tokenizers); do
  "$make_checkpoint" "vocab-$name" "$work/vocab-$name.gguf"
  all+=("$work/vocab-$name.gguf")
done
cat "$here/hard-strings.txt" "$here/random-strings.txt" > "$work/strings.txt"
"$work/oracle" hashes "$work/strings.txt" "${all[@]}" > "$here/pre-tokenizers.json"
