#!/usr/bin/env bash
# Builds the container of binder/Dockerfile and uses it as a reader, Binder and NeuroLibre do.
#
#   tests/container.sh          executes one chapter
#   tests/container.sh book     executes all of them
#
# The base is Debian, made by debootstrap, with this machine's Rust toolchain: it stands in for
# Rust's own image, and stays for the next run. Everything runs as the image's unprivileged user,
# with no more than NeuroLibre grants (2 CPUs and 6 GB of memory), and notebooks without a network.
# What this machine needs to reach crates.io and PyPI, certificates and settings of cargo and pip,
# is mounted while the image is built and is not part of it.
#
# Needs root and, of Debian, buildah, podman, netavark, runc, debootstrap, curl and npm. What was seen
# is printed, and put into binder/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."

image=inorm-test
base=inorm-test-base:$(rustc --version | cut -d' ' -f2)
chapters=(notebooks/02_layer_norm.ipynb)
if [[ ${1:-} == book ]]; then
    chapters=(notebooks/[0-9]*.ipynb)
fi
limits=(--cpus 2 --memory 6g --memory-swap 6g)
# An engine asks for more files and processes than some machines grant even root.
ulimits=(--ulimit nofile=8192 --ulimit nproc=8192)
largest_gigabytes=10
longest_seconds=$((8 * 3600))

podman() { command podman --runtime runc "$@"; }

work=$(mktemp -d)
containers=()
clean_up() {
    if ((${#containers[@]})); then
        podman rm --force "${containers[@]}" >/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT

fail() {
    echo "tests/container.sh: $*" >&2
    exit 1
}

# Prints what is done; its time is then in `seconds`.
timed() { # WHAT COMMAND...
    local began=$SECONDS
    echo "-- $1"
    shift
    "$@"
    seconds=$((SECONDS - began))
    echo "-- done in $seconds s"
}

make_base() {
    if buildah inspect --type image "$base" >/dev/null 2>&1; then
        return
    fi
    local root=$work/base sysroot container
    sysroot=$(rustc --print sysroot)
    # What a cell is compiled with, and what Rust's image has besides.
    debootstrap --variant=minbase --include=ca-certificates,gcc,git,libc6-dev bookworm "$root" \
        >"$work/debootstrap.log" || fail "debootstrap failed: $(tail -n 3 "$work/debootstrap.log")"
    mkdir -p "$root"/usr/local/{cargo,rustup/toolchains}
    cp -a "$(dirname "$(command -v rustup)")" "$root/usr/local/cargo/bin"
    tar -C "$(dirname "$sysroot")" --exclude=share/doc -c "$(basename "$sysroot")" |
        tar -C "$root/usr/local/rustup/toolchains" -x
    chmod -R a+w "$root"/usr/local/{cargo,rustup}
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$root" / >/dev/null
    # As Rust's image has them.
    buildah config --env RUSTUP_HOME=/usr/local/rustup --env CARGO_HOME=/usr/local/cargo \
        --env RUSTUP_TOOLCHAIN="$(basename "$sysroot")" --env LANG=C.UTF-8 --cmd bash \
        --env PATH=/usr/local/cargo/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "$container"
    buildah commit --quiet --rm "$container" "$base" >/dev/null
    rm -rf "$root"
}

build_image() {
    local mounts=() file
    for file in /etc/ssl/certs/ca-certificates.crt /etc/pip.conf; do
        [[ ! -e $file ]] || mounts+=(--volume "$file:$file:ro")
    done
    file=${CARGO_HOME:-$HOME/.cargo}/config.toml
    [[ ! -e $file ]] || mounts+=(--volume "$file:/usr/local/cargo/config.toml:ro")
    buildah build --runtime runc --network host "${ulimits[@]}" "${mounts[@]}" \
        --build-arg BASE="localhost/$base" --build-arg NB_USER=jovyan --build-arg NB_UID=1000 \
        --tag "$image" .
}

# Binder's own program picks the file that was built.
look_for_dockerfile() {
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install --quiet --disable-pip-version-check jupyter-repo2docker==2026.4.0
    "$work/venv/bin/jupyter-repo2docker" --no-build --debug --user-id 1000 --user-name jovyan . \
        >"$work/picked" 2>&1
    grep --quiet --fixed-strings --line-regexp --file <(grep ^RUN binder/Dockerfile) "$work/picked" ||
        fail "repo2docker does not pick binder/Dockerfile: $(cat "$work/picked")"
}

start() { # PODMAN-ARGUMENT...; its id is then in `container`
    container=$(podman run --detach "${ulimits[@]}" "${limits[@]}" "$@")
    containers+=("$container")
}

answers() { # URL TEXT
    local until=$((SECONDS + 120)) page
    until page=$(curl --silent --fail --max-time 10 "$1") && [[ $page == *"$2"* ]]; do
        if ((SECONDS > until)); then
            podman logs "$container" 2>&1 | tail -n 20 >&2
            fail "no '$2' in what $1 answers"
        fi
        sleep 0.2
    done
}

# As README says it.
read_book() {
    start --publish 127.0.0.1::8888 "$image"
    local server address=
    server=$(podman port "$container" 8888)
    until [[ $address == *token=* ]]; do
        address=$(podman logs "$container" | grep -o '/lab/.*token=.*' || sleep 0.1)
    done
    answers "http://$server$address" jupyter-config-data
    answers "http://$server/api/kernelspecs?${address#*\?}" '"inorm"'
    [[ $(podman exec "$container" id --user) == 1000 ]] || fail "it runs as another user"
}

# As its launcher starts it, and behind a prefix.
launch_as_binder() {
    start --publish 127.0.0.1::8888 "$image" jupyter notebook --ip=0.0.0.0 --port=8888 \
        --NotebookApp.base_url=/user/reader/ --NotebookApp.token=secret
    local server
    server=http://$(podman port "$container" 8888)/user/reader
    answers "$server/lab?token=secret" jupyter-config-data
    answers "$server/api/kernelspecs?token=secret" '"inorm"'
    answers "$server/api/contents/notebooks?token=secret" 00_start_here.ipynb
}

execute() {
    mkdir --mode 777 "$work/executed"
    podman run --rm --network none "${ulimits[@]}" "${limits[@]}" --volume "$work/executed:/executed" "$image" \
        inorm lab --run "${chapters[@]}" --into /executed
    local chapter
    for chapter in "${chapters[@]}"; do
        [[ -s $work/executed/$(basename "$chapter") ]] || fail "$chapter was not executed"
    done
}

# As its servers do: a clone is mounted over the home directory, and MyST, outside, executes the
# notebooks by a server in the container. The page's template, which would be fetched, is no part
# of this.
build_as_neurolibre() {
    local clone=$work/clone files log=$work/myst.log outputs
    mkdir -p "$clone/template"
    git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -c | tar -C "$clone" -x
    printf '%s\n' 'jtex: v1' 'title: none' 'version: 1.0.0' 'options: []' 'parts: []' \
        >"$clone/template/template.yml"
    python3 - "$clone/myst.yml" "${chapters[@]}" <<'PYTHON'
import re, sys
path, *chapters = sys.argv[1:]
text = open(path).read()
text = text.replace("template: book-theme", "template: ./template")
if len(chapters) == 1:
    text = re.sub(r"toc:\n(    .*\n)+", f"toc:\n    - file: {chapters[0]}\n", text)
open(path, "w").write(text)
PYTHON
    start --publish 127.0.0.1::8888 --volume "$clone:/home/jovyan" --entrypoint \
        '["jupyter", "server", "--allow-root", "--ip=0.0.0.0", "--IdentityProvider.token=secret", "--ServerApp.port=8888"]' \
        "$image"
    local server
    server=http://$(podman port "$container" 8888)
    answers "$server/api/kernelspecs?token=secret" '"inorm"'
    (cd "$clone" && JUPYTER_BASE_URL=$server JUPYTER_TOKEN=secret \
        npx --yes mystmd@1.8.3 build --execute --site --ci) >"$log" 2>&1 ||
        fail "MyST: $(tail -n 20 "$log")"
    # It goes on after a cell that failed.
    ! grep --quiet ⛔ "$log" || fail "MyST: $(grep ⛔ "$log")"
    outputs=$(find "$clone/_build/execute" -name '*.json' | wc -l)
    ((outputs == ${#chapters[@]})) || fail "MyST executed $outputs notebooks: $(tail -n 20 "$log")"
}

timed "the base, $base" make_base
timed "the image" build_image
building=$seconds
bytes=$(podman image inspect --format '{{.Size}}' "$image")
gigabytes=$(awk "BEGIN { printf \"%.1f\", $bytes / 1e9 }")
echo "-- it has $gigabytes GB"
((bytes <= largest_gigabytes * 1000000000)) || fail "Binder and NeuroLibre grant $largest_gigabytes GB"
timed "what Binder would build" look_for_dockerfile
timed "inorm lab" read_book
opening=$seconds
timed "as Binder launches it" launch_as_binder
timed "executing ${#chapters[@]} of the notebooks, without a network" execute
executing=$seconds
timed "executing them as NeuroLibre does" build_as_neurolibre
rendering=$seconds
((rendering <= longest_seconds)) || fail "NeuroLibre grants $longest_seconds s"

case ${#chapters[@]} in
1) what="chapter 2" ;;
*) what="the ${#chapters[@]} notebooks" ;;
esac
processor=$(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo)
cat >"$work/figures" <<END
| on $(date --iso-8601), 2 cores of an $processor | |
| --- | --- |
| size of the image | $gigabytes GB |
| building it, from the base on | $((building / 60)) min $((building % 60)) s |
| until JupyterLab answers | $opening s |
| $what, executed by \`inorm lab --run\` | $executing s |
| $what, executed by MyST as on NeuroLibre | $rendering s |
END
cat "$work/figures"
sed -i -e "/<!-- tests\/container.sh -->/,/<!-- end -->/{//!d}" \
    -e "/<!-- tests\/container.sh -->/r $work/figures" binder/README.md
