"""Add to TF.js models what TensorFlow since 2.12 wants in fused convolutions.

python add_targs.py MODEL.json ...
"""

import json
import pathlib
import sys

for name in sys.argv[1:]:
    path = pathlib.Path(name)
    model = json.loads(path.read_text())
    for node in model["modelTopology"]["node"]:
        if node["op"] == "_FusedConv2D":
            count = int(node["attr"]["num_args"]["i"])
            node["attr"]["TArgs"] = {"list": {"type": ["DT_FLOAT"] * count}}
    path.write_text(json.dumps(model))
