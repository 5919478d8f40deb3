"""The same steps by PyTorch's DDP with gloo, a process for each rank, which __main__ starts.

Rank 0 prints one line of JSON, as `ours` does; the hash is of the bytes of all parameters.
"""

import hashlib
import json
import os
import sys
import time
import warnings

import torch
from torch import distributed, nn

from benchmarks.ranks.networks import of_torch, samples
from benchmarks.ranks.ours import WARM_UP


def main(rank, size, port, name, batch_size, steps):
    rank, size, batch_size, steps = int(rank), int(size), int(batch_size), int(steps)
    warnings.filterwarnings("ignore", "Grad strides do not match")  # one image channel has two
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = of_torch(name)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    distributed.init_process_group("gloo", rank=rank, world_size=size)
    parallel = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    x, y = samples(batch_size)
    mine = slice(rank * batch_size // size, (rank + 1) * batch_size // size)
    x = torch.from_numpy(x[mine]).permute(0, 3, 1, 2).contiguous()
    y = torch.from_numpy(y[mine])
    seconds = []
    for _ in range(WARM_UP + steps):
        begin = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(parallel(x), y).backward()
        optimizer.step()
        seconds.append(time.perf_counter() - begin)
    found = hashlib.sha256()
    for weight in model.parameters():
        found.update(weight.detach().numpy())
    if rank == 0:
        number = sum(weight.numel() for weight in model.parameters())
        line = {"seconds": seconds[WARM_UP:], "weights": number, "hash": found.hexdigest()[:16]}
        print(json.dumps(line))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
