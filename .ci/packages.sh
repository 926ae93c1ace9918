# shellcheck shell=bash
# The Debian 12 packages Moescope needs, in one place; sourced by ./run and ./test.

# To build and run the command line.
build_packages=(
  build-essential
  libcairo2-dev
  libcsv-dev
  libjson-glib-dev
  libopenblas-openmp-dev
  libpango1.0-dev
  libpcre2-dev
  libsqlite3-dev
  meson
  ninja-build
  pkg-config
)

# To build and run the window.
window_packages=(
  adwaita-icon-theme
  fonts-dejavu-core
  libgtk-4-dev
  librsvg2-common
  libxml2-utils
)

# To run the tests.
test_packages=(
  dbus-daemon
  python3
  sqlite3
  xauth
  xdotool
  xvfb
)

# Installs those of the packages given that are missing.
install_missing ()
{
  local package missing=() sudo=()

  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "no apt here: please see to it that these are installed: $*" >&2
    return 0
  fi
  for package in "$@"; do
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  echo "installing: ${missing[*]}" >&2
  "${sudo[@]}" apt-get update -qq >&2 || echo "apt-get update failed; going on with the lists there are" >&2
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >&2
}
