"""What vessels and their surface cost as the box grows; and the surface beside scikit-image's marching cubes on a dense grid.

    python benchmarks/vessels.py [--sides 150 300 600] [--peer PYTHON-WITH-SCIKIT-IMAGE-AND-SCIPY]

The peer has no vessels and no surface of vessels: it is given points 1 um apart along ours with their radii, takes the distance of
each voxel to the nearest by a KD-tree, and marches through the whole box. CPU seconds; each case in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

OURS = """
import json, sys, time, resource
import numpy as np
from conntap import build
from conntap.circuits.tissue import Vasculature
small = build.vessels(box_um=((0, 0, 0), (150, 150, 150)), rng=np.random.default_rng(1))
build.vessel_surface(small)  # compiled before the clock runs
side = float(sys.argv[1])
start = time.process_time()
v = build.vessels(box_um=((0, 0, 0), (side,) * 3), rng=np.random.default_rng(1))
grown = time.process_time()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
mesh = build.vessel_surface(v)
spanned = time.process_time()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
steps = np.arange(0, 1, 0.25)[:, None, None]
points = (v.starts + steps * (v.ends - v.starts)).reshape(-1, 3)
radii = (v.radii[:, 0] + steps[..., 0] * (v.radii[:, 1] - v.radii[:, 0])).ravel()
np.savez(sys.argv[2], points=points, radii=radii)
print(json.dumps({"segments": len(v), "grown": grown - start, "vertices": len(mesh.points), "spanned": spanned - grown,
    "before": before, "peak": peak, "closed": mesh.is_closed, "volume": mesh.volume}))
"""

PEER = """
import json, sys, time, resource
import numpy as np
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
side, data = float(sys.argv[1]), np.load(sys.argv[2])
start = time.process_time()
n, low = int(side) + 25, -12.0
tree, field = cKDTree(data["points"]), np.empty((n, n, n), dtype=np.float32)
yz = np.stack(np.meshgrid(np.arange(n), np.arange(n), indexing="ij"), axis=-1).reshape(-1, 2) + low
for i in range(n):
    apart, at = tree.query(np.column_stack([np.full(len(yz), i + low), yz]), distance_upper_bound=16.0)
    near = np.isfinite(apart)
    plane = np.full(len(yz), 16.0)
    plane[near] = apart[near] - data["radii"][at[near]]
    field[i] = plane.reshape(n, n)
points, triangles, _, _ = marching_cubes(field, 0.0)
edges = np.sort(np.concatenate([triangles[:, [i, (i + 1) % 3]] for i in range(3)]), axis=1)
spent = time.process_time() - start
count = np.unique(edges[:, 0].astype(np.int64) * len(points) + edges[:, 1], return_counts=True)[1]
print(json.dumps({"vertices": len(points), "spanned": spent, "closed": bool((count == 2).all()),
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def measured(python, code, *words):
    done = subprocess.run([python, "-c", code, *map(str, words)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sides", type=float, nargs="+", default=[150, 300, 600])
    parser.add_argument("--peer")
    parser.add_argument("--peer-most", type=float, default=300, help="the largest side that the peer is given")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "vessels.npz"
        for side in options.sides:
            ours = measured(sys.executable, OURS, side, data)
            print(
                f"{side:.0f} um: {ours['segments']:,} segments in {ours['grown']:.2f} s ({ours['grown'] / ours['segments'] * 1e6:.0f} us each); "
                f"surface of {ours['vertices']:,} points in {ours['spanned']:.2f} s ({ours['spanned'] / ours['vertices'] * 1e6:.1f} us each), "
                f"peak {ours['peak']:.0f} MB, closed: {ours['closed']}",
                flush=True,
            )
            if options.peer and side <= options.peer_most:
                peer = measured(options.peer, PEER, side, data)
                print(
                    f"    scikit-image on a dense grid: {peer['vertices']:,} points in {peer['spanned']:.2f} s, peak {peer['peak']:.0f} MB, "
                    f"each edge in two triangles: {peer['closed']}; ours takes {peer['spanned'] / ours['spanned']:.1f} times less",
                    flush=True,
                )


if __name__ == "__main__":
    main()
