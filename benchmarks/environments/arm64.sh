#!/usr/bin/env bash
# arm64.sh FOLDER PYTHON: make a folder with `bin/python`: Python 3.11 of Debian 12 for arm64, on an emulated CPU, with what
# the runtime needs, which the pip of PYTHON fetches.
# QEMU_CPU names the CPU; without it, it is that of a Raspberry Pi 5. The emulator is of Debian 13: in that of Debian 12
# (7.2) ONNX Runtime from 1.28 on crashes at import, and /proc/cpuinfo is the host's.
set -euo pipefail
folder=$1 python=$2
source "$(dirname "$0")/../../.ci/private-apt.sh"
requirements=(
  numpy==2.4.6 onnxruntime==1.31.1 tokenizers==0.23.3
  hypothesis==6.170.15 iniconfig==2.3.1 packaging==26.3 pluggy==1.7.0 Pygments==2.21.0 pytest==9.2.0 sortedcontainers==2.4.0
)
private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT

# unpack RELEASE ARCHITECTURE COMMAND PACKAGE...: what apt-get COMMAND fetches, into $private/RELEASE/tree
unpack() {
  local release=$1 at=$private/$1 package
  private_apt "$release" "$2" "$at"
  mkdir -p "$at/tree"
  (cd "$at/archives" && "${apt[@]}" "${@:3}" >&2)
  for package in "$at"/archives/*.deb; do dpkg-deb --extract "$package" "$at/tree"; done
}
unpack trixie "$(dpkg --print-architecture)" download qemu-user
unpack bookworm arm64 install --yes --no-install-recommends --download-only python3.11 libstdc++6

mkdir -p "$folder/bin"
cp "$private/trixie/tree/usr/bin/qemu-aarch64" "$folder/bin"
mv "$private/bookworm/tree" "$folder/root"
packages=$folder/root/usr/local/lib/python3.11/dist-packages
"$python" -m pip install --quiet --target "$packages" --no-deps --only-binary :all: --python-version 3.11 \
  --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 --platform manylinux2014_aarch64 "${requirements[@]}" >&2

# The kernel cannot start programs for arm64: processes that tests start go through the emulator, too.
cat >"$folder/bin/python" <<'END'
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
QEMU_CPU=${QEMU_CPU:-cortex-a76} QEMU_LD_PREFIX=$here/../root exec "$here/qemu-aarch64" "$here/../root/usr/bin/python3.11" "$@"
END
chmod +x "$folder/bin/python"
echo 'import os, sys; sys.executable = os.path.normpath(os.path.join(sys.prefix, "../../bin/python"))' >"$packages/emulated.pth"
