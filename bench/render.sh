# What installers are told, rendered again and again for machines that differ.
# shellcheck shell=bash
conditions
bench_java Render
