# A star of network namespaces with shaped links, for tests that run processes on them. To be
# sourced by a POSIX shell, as root.
#
#   star_usable || exit 77          # says why not
#   trap star_remove EXIT
#   star_build 4                    # hosts 0 (10.77.0.1) to 4 (10.77.0.5), and a switch
#   star_shape 1 20e6 50e6          # host 1 sends at 20 Mbit/s and receives at 50
#   star_in 1 command ...           # on host 1
#
# A host's card is a veth pair into a bridge. What the host sends is shaped by a token bucket at its
# end of the pair, what it receives by one at the bridge's. All of it lives in namespaces of its
# own, named by this process, and goes with them.

PATH="$PATH:/usr/sbin:/sbin"
star_name="shoal-$$"
star_hosts=0

star_usable() {
  if ! command -v ip > /dev/null || ! command -v tc > /dev/null; then
    echo "skipped: ip and tc are needed (Debian package iproute2)"
    return 1
  fi
  if ! ip netns add "$star_name-try" 2> /dev/null; then
    echo "skipped: network namespaces are not allowed here (needs root and CAP_SYS_ADMIN)"
    return 1
  fi
  star_tried=0
  ip -n "$star_name-try" link add try type bridge 2> /dev/null &&
    ip -n "$star_name-try" link add left type veth peer name right 2> /dev/null &&
    tc -n "$star_name-try" qdisc add dev left root tbf rate 1mbit burst 4kb latency 50ms \
      2> /dev/null && star_tried=1
  ip netns del "$star_name-try"
  [ "$star_tried" -eq 1 ] && return 0
  echo "skipped: this kernel has no bridges, veth pairs or token buckets for us"
  return 1
}

# star_build COUNT: hosts 0 to COUNT, unshaped.
star_build() {
  star_hosts=$1
  ip netns add "$star_name-switch"
  ip -n "$star_name-switch" link add bridge type bridge
  ip -n "$star_name-switch" link set bridge up
  for host in $(seq 0 "$star_hosts"); do
    ip netns add "$star_name-$host"
    ip -n "$star_name-$host" link add card type veth peer name "port$host" \
      netns "$star_name-switch"
    ip -n "$star_name-switch" link set "port$host" master bridge up
    ip -n "$star_name-$host" addr add "$(star_address "$host")/24" dev card
    ip -n "$star_name-$host" link set card up
    ip -n "$star_name-$host" link set lo up
  done
}

star_address() { echo "10.77.0.$(($1 + 1))"; }

# star_shape HOST UP DOWN: bits per second. The bucket holds 2 ms, at least 16 KiB; the queue before
# it 50 ms, as a good router's would.
star_shape() {
  star_limit "$star_name-$1" card "$2" &&
    star_limit "$star_name-switch" "port$1" "$3"
}
star_limit() {
  star_rate=$(awk "BEGIN { printf \"%.0f\", $3 }")
  star_burst=$(awk "BEGIN { b = $3 / 8 * 0.002; print (b > 16384 ? int(b) : 16384) }")
  tc -n "$1" qdisc replace dev "$2" root tbf rate "$star_rate" burst "$star_burst" latency 100ms
}

star_in() {
  star_host=$1
  shift
  ip netns exec "$star_name-$star_host" "$@"
}

star_remove() {
  for star_left in $(ip netns list | awk '{ print $1 }' | grep "^$star_name-"); do
    ip netns del "$star_left"
  done
}
