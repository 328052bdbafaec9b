"""The kernels of transfer entropy: states as sets of frames in machine words, counted jointly by pairs of neurons.

A recording is kept as thermometers: bit t of plane k of a neuron says that its value at frame t reaches edge k. States of
several frames become one plane each, of the frames that are used alone, without the neuron's most frequent state, whose
counts follow from the others.
"""

from __future__ import annotations

import numpy as np

from conntap.topology.bits import bits, compiled

__all__ = ["add_events", "add_values", "counted", "informed", "planes"]

_TILE = 256  # words of a plane that stay in the nearest memory


@compiled
def add_values(block, edges, first, out):
    """Set the bits of the values in `block` (frames, nodes) that reach edges[plane, node]; `first` is a multiple of 64."""
    n_frames, n = block.shape
    words = np.empty(n, dtype=np.uint64)
    for start in range(0, n_frames, 64):
        stop = min(start + 64, n_frames)
        for k in range(len(edges)):
            words[:] = 0
            row = edges[k]
            for t in range(start, stop):
                shift = np.uint64(t - start)
                values = block[t]
                for i in range(n):
                    words[i] |= np.uint64(values[i] >= row[i]) << shift
            at = (first + start) // 64
            for i in range(n):
                out[i, k, at] = words[i]


@compiled
def add_events(nodes, frames, counts, edges, out):
    """Set the bits of events, of which `counts` fell into a frame, that reach edges[plane]."""
    for e in range(len(nodes)):
        for k in range(len(edges)):
            if counts[e] >= edges[k]:
                out[nodes[e], k, frames[e] >> 6] |= np.uint64(1) << np.uint64(frames[e] & 63)


@compiled
def _common(a, b):
    total = np.uint64(0)
    for w in range(len(a)):
        total += bits(a[w] & b[w])
    return total


@compiled
def _values(thermometer, back, used, out):
    """out[v]: of the frames used, those `back` frames after which the value was v."""
    n_edges, words = thermometer.shape
    jump, shift = back // 64, np.uint64(back % 64)
    for w in range(words):
        above = used[w]
        for v in range(n_edges + 1):
            at = np.uint64(0)
            if v < n_edges:
                if w >= jump:
                    at = thermometer[v, w - jump] << shift
                if shift > 0 and w > jump:
                    at |= thermometer[v, w - jump - 1] >> (np.uint64(64) - shift)
            out[v, w] = above & ~at
            above &= at


@compiled
def _meeting(values, state, out):
    """The frames of a state: those of its values, of which the last digit is the earliest."""
    depth, base, words = values.shape
    digit = state
    for d in range(depth):
        own = values[depth - 1 - d, digit % base]
        digit //= base
        for w in range(words):
            out[w] = own[w] if d == 0 else out[w] & own[w]


@compiled
def planes(held, used, start, depth, out, kept, sizes):
    """States of the frames start, ..., start + depth - 1 before each of the frames used, as planes.

    `used` holds bits. Of the i-th node of `held` kept[i, p] is the state of plane p, from the most frequent (which has no
    plane: p = 0; plane p is out[i, p - 1]) to those that never occur (-1); sizes[i, p] tells how often it occurs.
    """
    n, n_edges, words = held.shape
    base = n_edges + 1
    n_states = base**depth
    values = np.empty((depth, base, words), dtype=np.uint64)
    plane = np.empty(words, dtype=np.uint64)
    often = np.empty(n_states, dtype=np.int64)
    for i in range(n):
        for d in range(depth):
            _values(held[i], start + d, used, values[d])
        most = 0
        for state in range(n_states):
            _meeting(values, state, plane)
            often[state] = np.int64(_common(plane, used))
            if often[state] > often[most]:
                most = state
        kept[i, :] = -1
        sizes[i, :] = 0
        kept[i, 0], sizes[i, 0] = most, often[most]
        p = 1
        for state in range(n_states):
            if state != most and often[state] > 0:
                kept[i, p], sizes[i, p] = state, often[state]
                _meeting(values, state, out[i, p - 1])
                p += 1


@compiled
def counted(post, post_kept, pre, pre_kept, out):
    """out[i, j, p, q]: in how many frames state p of the i-th post and state q of the j-th pre node meet."""
    n_post, _, words = post.shape
    n_pre = len(pre)
    out[:] = 0
    for start in range(0, words, _TILE):
        stop = min(start + _TILE, words)
        for i in range(n_post):
            for j in range(n_pre):
                table = out[i, j]
                for p in range(post.shape[1]):
                    if post_kept[i, p + 1] < 0:
                        break
                    for q in range(pre.shape[1]):
                        if pre_kept[j, q + 1] < 0:
                            break
                        table[p, q] += np.int32(_common(post[i, p, start:stop], pre[j, q, start:stop]))


@compiled
def informed(counts, post_kept, post_sizes, pre_kept, pre_sizes, n_histories, total, entropy, freedom):
    """Transfer entropy in nats and degrees of freedom, [pre, post], from joint counts of all but the most frequent states.

    A state of the post node is its value now times n_histories plus its history.
    """
    n_post, n_pre, most_post, most_pre = counts.shape
    n_now = (most_post + 1) // n_histories
    joint = np.empty((most_post + 1, most_pre + 1))
    both = np.empty((n_histories, most_pre + 1))
    own = np.empty(most_post + 1)
    past = np.empty(n_histories)
    for i in range(n_post):
        own[:] = 0
        past[:] = 0
        for p in range(most_post + 1):
            state = post_kept[i, p]
            if state >= 0:
                own[state] = post_sizes[i, p]
                past[state % n_histories] += post_sizes[i, p]
        alone = 0.0
        for h in range(n_histories):
            if past[h] > 0:
                alone += past[h] * np.log(past[h])
        for state in range(most_post + 1):
            if own[state] > 0:
                alone -= own[state] * np.log(own[state])
        for j in range(n_pre):
            joint[:] = 0
            both[:] = 0
            n_q = 1
            while n_q <= most_pre and pre_kept[j, n_q] >= 0:
                n_q += 1
            for q in range(n_q):
                joint[post_kept[i, 0], q] = pre_sizes[j, q]
            for p in range(1, most_post + 1):
                state = post_kept[i, p]
                if state < 0:
                    break
                rest = post_sizes[i, p]
                for q in range(1, n_q):
                    met = counts[i, j, p - 1, q - 1]
                    joint[state, q] = met
                    joint[post_kept[i, 0], q] -= met
                    rest -= met
                joint[state, 0] = rest
                joint[post_kept[i, 0], 0] -= rest
            value = alone
            for state in range(most_post + 1):
                if own[state] > 0:
                    for q in range(n_q):
                        met = joint[state, q]
                        if met > 0:
                            value += met * np.log(met)
                            both[state % n_histories, q] += met
            free = 0
            for h in range(n_histories):
                if past[h] > 0:
                    columns = 0
                    for q in range(n_q):
                        if both[h, q] > 0:
                            value -= both[h, q] * np.log(both[h, q])
                            columns += 1
                    kinds = 0
                    for now in range(n_now):
                        if own[now * n_histories + h] > 0:
                            kinds += 1
                    free += (kinds - 1) * (columns - 1)
            entropy[j, i] = max(0.0, value / total) if free > 0 else 0.0
            freedom[j, i] = free
