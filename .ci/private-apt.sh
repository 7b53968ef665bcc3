# For scripts, which source it: packages of a Debian release and an architecture, without installing any.

# private_apt RELEASE ARCHITECTURE FOLDER: makes `apt`, an array: apt-get with lists, state and cache in FOLDER, from the
# mirror that this machine's apt uses. Nothing counts as installed there, so what a package needs is fetched with it.
private_apt() {
  local release=$1 architecture=$2 folder=$3 mirror
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list.d /etc/apt/sources.list 2>/dev/null | head -1 || true)
  if [ -z "$mirror" ]; then
    echo "$(basename "$0"): apt of this machine names no mirror of Debian" >&2
    return 1
  fi
  mkdir -p "$folder/lists/partial" "$folder/archives/partial"
  : >"$folder/status"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $release main" >"$folder/sources.list"
  apt=(apt-get -qq -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Sandbox::User=
    -o Dir::Etc::sourcelist="$folder/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::State::status="$folder/status"
    -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder" -o Acquire::Languages=none)
  "${apt[@]}" update >&2
}
