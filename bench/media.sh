# A machine's own medium out of a vendor's of 1 GB (no list of checksums, as RHEL's) and of 4 GB (with md5sum.txt, as
# Debian's). The floors: the same change by xorriso, which reads and writes all of the medium, and a plain copy.
# shellcheck shell=bash
PAIRS=${1:-5}
for tool in xorriso curl; do command -v "$tool" >/dev/null || die "$tool is missing; run lab/lab install"; done
[[ -e /usr/lib/ISOLINUX/isolinux.bin ]] || die "isolinux is missing; run lab/lab install"

fill() { head -c "$2" /dev/zero | tr '\0' "$3" >"$1"; }

# make_medium NAME FILES SIZE-OF-EACH
make_medium() {
  local tree=$TMP/tree i
  mkdir -p "$tree"/{isolinux,install,boot/grub,pool}
  cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$tree/isolinux/"
  echo 'default x' >"$tree/isolinux/isolinux.cfg"
  printf 'menuentry x {\n linux /install/vmlinuz\n initrd /install/initrd.gz\n}\n' >"$tree/boot/grub/grub.cfg"
  fill "$tree/install/vmlinuz" 8M k
  fill "$tree/install/initrd.gz" 40M i
  truncate -s 2880K "$tree/boot/grub/efi.img"
  fill "$tree/pool/package-0000.deb" "$3" p
  for ((i = 1; i < $2; i++)); do cp "$tree/pool/package-0000.deb" "$tree/pool/package-$(printf %04d "$i").deb"; done
  [[ -z ${4:-} ]] || (cd "$tree" && find . -type f ! -name isolinux.bin -print0 | xargs -0 md5sum >"$TMP/sums" && mv "$TMP/sums" md5sum.txt)
  xorriso -as mkisofs -quiet -r -J -V BENCH -isohybrid-mbr /usr/lib/ISOLINUX/isohdpfx.bin -b isolinux/isolinux.bin \
    -c isolinux/boot.cat -boot-load-size 4 -boot-info-table -no-emul-boot -eltorito-alt-boot -e boot/grub/efi.img \
    -no-emul-boot -isohybrid-gpt-basdat -o "$TMP/$1.iso" "$tree" 2>/dev/null
  rm -r "$tree"
}

# The same change as the composed medium has, on a medium that is made anew.
remaster() {
  xorriso -indev "$TMP/$1.iso" -outdev "$TMP/out.iso" -boot_image any replay -map "$TMP/answers" /machine.txt \
    -map "$TMP/menu" /boot/grub/grub.cfg -map "$TMP/menu" /isolinux/isolinux.cfg -map "$TMP/initrd" /install/initrd.gz \
    >/dev/null 2>&1
}

measure() {
  local name=$1 i begun first own cpu remastered composed
  cat "$TMP/$name.iso" >/dev/null # what is measured is not the disk
  rm -f "$TMP"/{cold,index,cpu,remaster,copy,write}
  for ((i = 0; i < PAIRS; i++)); do
    read -r first own cpu <<<"$(BENCH_JAVA_OPTIONS=-XX:AOTCache=$TMP/cold.aot bench_java Media cold "$TMP/$name.iso")"
    echo "$first" >>"$TMP/index"
    echo "$cpu" >>"$TMP/cpu"
    awk -v a="$first" -v b="$own" 'BEGIN {print a + b}' >>"$TMP/cold"
    begun=$(now); remaster "$name"; since "$begun" >>"$TMP/remaster"; rm -f "$TMP/out.iso"
    begun=$(now); cp --reflink=never "$TMP/$name.iso" "$TMP/out.iso"; since "$begun" >>"$TMP/copy"; rm -f "$TMP/out.iso"
    bench_java Media write "$TMP/$name.iso" "$TMP/out.iso" | awk '{print $1 / 1000}' >>"$TMP/write"; rm -f "$TMP/out.iso"
  done
  remastered=$(median <"$TMP/remaster")
  say "$name ($(($(stat -c %s "$TMP/$name.iso") / 1000000)) MB):"
  bench_java Media warm "$TMP/$name.iso" | tee "$TMP/warm" | sed 's/^/  /'
  composed=$(sed -n 's/.*composed in \([0-9.]*\) ms.*/\1/p' "$TMP/warm")
  printf '  cold: %.1f ms (of it %.1f ms for the index); %.1f ms of CPU\n' "$(median <"$TMP/cold")" \
    "$(median <"$TMP/index")" "$(median <"$TMP/cpu")"
  printf '  xorriso remaster: %.2f s; copy: %.2f s; composed and written out: %.2f s\n' "$remastered" \
    "$(median <"$TMP/copy")" "$(median <"$TMP/write")"
  printf '  remaster / composed: %.0f warm, %.0f cold\n' \
    "$(awk -v r="$remastered" -v c="$composed" 'BEGIN {print 1000 * r / c}')" \
    "$(awk -v r="$remastered" -v c="$(median <"$TMP/cold")" 'BEGIN {print 1000 * r / c}')"
}

# throughput URL READERS: bytes a second of all readers together
throughput() {
  local i pids=() begun took
  begun=$(now)
  for ((i = 0; i < $2; i++)); do curl -fsS -o /dev/null "$1" & pids+=($!); done
  for i in "${pids[@]}"; do wait "$i"; done
  took=$(since "$begun")
  awk -v n="$2" -v s="$SIZE" -v t="$took" 'BEGIN {printf "%.2f\n", n * s / t / 1e9}'
}

over_http() {
  local readers i urls
  SIZE=$(stat -c %s "$TMP/1GB.iso")
  coproc SERVER { bench_java Media serve "$TMP/1GB.iso"; }
  read -r urls[0] <&"${SERVER[0]}"
  read -r urls[1] <&"${SERVER[0]}"
  for readers in 1 8; do
    rm -f "$TMP"/http-{0,1}
    for ((i = 0; i < PAIRS; i++)); do
      throughput "${urls[0]}" "$readers" >>"$TMP/http-0"
      throughput "${urls[1]}" "$readers" >>"$TMP/http-1"
    done
    printf 'over HTTP, %d readers: composed %.2f GB/s, plain file %.2f GB/s\n' "$readers" \
      "$(median <"$TMP/http-0")" "$(median <"$TMP/http-1")"
  done
  eval "exec ${SERVER[1]}>&-"
  # shellcheck disable=SC2154 # set by coproc
  wait "$SERVER_PID"
}

conditions
fill "$TMP/answers" 4K a
fill "$TMP/menu" 200 m
fill "$TMP/initrd" 41M j
# The server starts with an ahead-of-time cache that has seen a small medium; so does what stands for it here.
make_medium small 20 10K sums
BENCH_JAVA_OPTIONS=-XX:AOTCacheOutput=$TMP/cold.aot bench_java Media cold "$TMP/small.iso" >/dev/null 2>&1
make_medium 1GB 3000 340K
measure 1GB
over_http
rm "$TMP/1GB.iso"
make_medium 4GB 3000 1400K sums
measure 4GB
