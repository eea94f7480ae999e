"""Puts an entry with the reviewed numbers above the newest release of a changelog."""

import json
import os
import pathlib
import sys

path = pathlib.Path(sys.argv[1])
review = json.loads(pathlib.Path(os.environ["SWARM_INBOX"]).read_text())["assurance.review"]
text = path.read_text(encoding="utf-8")
place = text.index("\n## ") + 1
entry = f"## unreleased\n\n- {review['modules']} modules put the evaluation of their annotations off; the package carries `py.typed`\n\n"
path.write_text(text[:place] + entry + text[place:], encoding="utf-8")
