# For steps, which source it: tools of the system that they need.

# Ends the step: as failed in CI, where nothing is left out; elsewhere it only says so.
missing() {
  echo "$(basename "$0"): $1" >&2
  if [ -n "${CI:-}" ]; then exit 1; fi
  exit 0
}

# need TOOL PACKAGE...: go on if there is TOOL, after apt-get install PACKAGE... where that can be done.
need() {
  local tool=$1
  shift
  if command -v "$tool" > /dev/null; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    { apt-get update -qq && apt-get install -qq --yes --no-install-recommends "$@"; } >&2 || true
  fi
  command -v "$tool" > /dev/null || missing "there is no $tool; what has it: apt-get install $*"
}
