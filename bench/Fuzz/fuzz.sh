#!/usr/bin/env bash
# Attacks the targets with afl-fuzz, guided by what code each input reaches:
#   bench/Fuzz/fuzz.sh [--minutes N] [--results FOLDER] [TARGET...]
# Default: 60 minutes for each of server, client, lines1 and lines2, one after the other, on one core.
# Needs afl-fuzz (Debian: apt-get install afl++). Exits 1 if an input broke a promise: those are in FOLDER/TARGET.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
minutes=60
results=$here/../../artifacts/fuzz
targets=()
while (($#)); do
  case $1 in
    --minutes) minutes=$2; shift 2 ;;
    --results) results=$2; shift 2 ;;
    -*) echo "fuzz.sh: there is no option '$1'" >&2; exit 2 ;;
    *) targets+=("$1"); shift ;;
  esac
done
((${#targets[@]})) || targets=(server client lines1 lines2)
command -v afl-fuzz >/dev/null || { echo "fuzz.sh: there is no afl-fuzz (Debian: apt-get install afl++)" >&2; exit 3; }

mkdir -p "$results"
results=$(cd "$results" && pwd)
program=$results/program
rm -rf "$program"
dotnet publish "$here" -c Release -o "$program" -v q --nologo
# Writes code into these copies that reports to afl-fuzz where an input has been.
(cd "$here" && dotnet tool restore >/dev/null && for library in Rx.IotLink Rx.IotLink.Server; do dotnet sharpfuzz "$program/$library.dll"; done)

# Its checks are for programs that it compiled itself, and its advice for machines that do nothing else.
export AFL_SKIP_BIN_CHECK=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_AFFINITY=1 AFL_NO_UI=1
# A method is compiled once, and fully: else the same input takes another way when it has come often.
export DOTNET_TieredCompilation=0
# Memory has a bound: an attack that needs a heap of more than 64 MiB ends the program, which counts as a broken promise.
export DOTNET_GCHeapHardLimit=0x4000000
broken=0
for target in "${targets[@]}"; do
  found=$results/$target
  rm -rf "$found"
  afl-fuzz -i "$here/Corpus/$target" -o "$found" -x "$here/words.dict" -V "$((minutes * 60))" -t 5000 -m none -- "$program/fuzz" afl "$target" >"$results/$target.log" 2>&1 ||
    { tail -20 "$results/$target.log" >&2; exit 3; }
  value() { sed -n "s/^$1 *: //p" "$found/default/fuzzer_stats"; }
  echo "$target: $(value run_time) s, $(value execs_done) inputs, $(value corpus_count) reach something new (of them $(value corpus_found) found)," \
    "$(value saved_crashes) broke a promise, $(value saved_hangs) took more than 5 s"
  (($(value saved_crashes) + $(value saved_hangs) == 0)) || broken=1
done
exit $broken
