"""Prints the contents of the site, as docs/README.md has them: python3 docs/site/toc.py [path of the API's contents]"""
import pathlib
import re
import sys

docs = pathlib.Path(__file__).resolve().parent.parent
print("- name: Rx.IotLink\n  href: ../../README.md")
for line in (docs / "README.md").read_text(encoding="utf-8").splitlines():
    if line.startswith("## "):
        print(f"- name: {line[3:]}\n  items:")
    elif line.startswith("- "):
        for name, page in re.findall(r"\[([^\]]+)\]\(([^)]+)\)", line):
            print(f"  - name: {name[0].upper()}{name[1:]}\n    href: ../{page}")
if len(sys.argv) > 1:
    print(f"- name: API\n  href: {sys.argv[1]}")
