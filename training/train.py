"""Train PoseResNet on the packs, from scratch or from earlier weights.

    python -m training.train --data DIR --out DIR --init weights.pt --minutes 80

The learning rate follows a cosine over the time budget, so a run always ends at
zero. Checkpoints hold everything and ``--out`` with one in it continues.
"""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from export.graph import IMAGENET_MEAN, IMAGENET_STD
from export.models.pose_resnet import PoseResNet
from export.weights import load_weights
from training.augment import disturb, heatmap_target, warp
from training.pack import Pack, load_pack

MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1) * 255
STD = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1) * 255
SIZE_HW = (128, 96)
Batch = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


def make_batch(packs: list[Pack], rows: NDArray[np.int64], seed: int) -> Batch:
    """Crops, targets and weights of a few examples; rows index the packs in a line."""
    rng = np.random.default_rng(seed)
    crops: list[NDArray[np.uint8]] = []
    targets, weights = [], []
    for row in rows:
        pack, local = _locate(packs, int(row))
        crop, keypoints = warp(pack.image(local), pack.keypoints[local], size_hw=SIZE_HW, rng=rng)
        other = crops[int(rng.integers(len(crops)))] if crops else crop.copy()
        crops.append(disturb(crop, other, rng))
        target, weight = heatmap_target(keypoints, size_hw=SIZE_HW)
        targets.append(target)
        weights.append(weight)
    return np.stack(crops), np.stack(targets), np.stack(weights)


def _locate(packs: list[Pack], row: int) -> tuple[Pack, int]:
    for pack in packs:
        if row < len(pack):
            return pack, row
        row -= len(pack)
    raise IndexError(row)


def to_input(crops: NDArray[np.uint8]) -> Tensor:
    """(N, H, W, 3) BGR uint8 to normalised (N, 3, H, W) RGB."""
    x = torch.from_numpy(np.ascontiguousarray(crops[..., ::-1])).permute(0, 3, 1, 2).float()
    return ((x - MEAN) / STD).contiguous(memory_format=torch.channels_last)


def pck(network: nn.Module, pack: Pack, *, threshold: float = 0.2) -> float:
    """PCK over the 12 limb joints people labelled; the reference length is the torso."""
    network.eval()
    right = total = 0
    for first in range(0, len(pack), 64):
        rows = range(first, min(first + 64, len(pack)))
        pairs = [warp(pack.image(r), pack.keypoints[r], size_hw=SIZE_HW, rng=None) for r in rows]
        with torch.inference_mode():
            heat = network(to_input(np.stack([c for c, _ in pairs]))).float().numpy()
        flat = heat.reshape(*heat.shape[:2], -1).argmax(-1)
        xy = np.stack((flat % heat.shape[3], flat // heat.shape[3]), -1) * 4 + 1.5
        truth = np.stack([k for _, k in pairs])
        left_torso = np.linalg.norm(truth[:, 5, :2] - truth[:, 12, :2], axis=1)
        right_torso = np.linalg.norm(truth[:, 6, :2] - truth[:, 11, :2], axis=1)
        is_left = (truth[:, 5, 2] > 0) & (truth[:, 12, 2] > 0)
        torso = np.where(is_left, left_torso, right_torso)
        error = (
            np.linalg.norm(xy[:, 5:] - truth[:, 5:, :2], axis=2) / np.maximum(torso, 1e-6)[:, None]
        )
        counts = truth[:, 5:, 2] == 2
        right += int((error[counts] < threshold).sum())
        total += int(counts.sum())
    network.train()
    return right / max(1, total)


class Run:
    """One training run: network, its moving average, optimiser, and where it stands."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.step = 0
        self.used_s = 0.0
        network = PoseResNet(18, deconv_filters=(128, 128, 128))
        network.init_weights(seed=args.seed)
        if args.init:
            network.load_state_dict(load_weights(args.init))
        self.network = network.to(memory_format=torch.channels_last).train()
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=args.lr, weight_decay=0.01)
        self._checkpoint: Path = args.out / "last.pt"
        if self._checkpoint.exists():
            saved = torch.load(self._checkpoint, weights_only=True)
            self.network.load_state_dict(saved["network"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.used_s = saved["step"], saved["used_s"]

    @property
    def rate(self) -> float:
        """Learning rate now: a short warm-up, then a cosine over the time budget."""
        share = min(1.0, self.used_s / (self.args.minutes * 60.0))
        warm = min(1.0, (self.step + 1) / 200)
        rate: float = self.args.lr * warm * 0.5 * (1 + math.cos(math.pi * share))
        return rate

    def learn(self, batch: Batch) -> float:
        """One step; returns the loss (MSE over the heatmaps that count)."""
        crops, target, weight = batch
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        with torch.autocast("cpu", dtype=torch.bfloat16):
            heat = self.network(to_input(crops))
        wanted, counts = torch.from_numpy(target), torch.from_numpy(weight)[..., None, None]
        squared = (heat.float() - wanted) ** 2 * counts
        loss = squared.sum() / (counts.sum() * wanted[0, 0].numel())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 0.05)
        self.optimizer.step()
        self.step += 1
        self._follow(min(0.999, (self.step + 1) / (self.step + 10)))
        return float(loss.detach())

    def _follow(self, keep: float) -> None:
        """Exponential moving average of the weights: what is evaluated and shipped."""
        states = (self.average.state_dict().values(), self.network.state_dict().values())
        with torch.no_grad():
            for mean, now in zip(*states, strict=True):
                if mean.is_floating_point():
                    mean.lerp_(now, 1 - keep)
                else:
                    mean.copy_(now)

    def save(self) -> None:
        """Write the checkpoint, and the averaged weights as fp16."""
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "used_s": self.used_s,
        }
        torch.save(state, self._checkpoint)
        average = self.average.state_dict().items()
        half = {k: v.half() if v.is_floating_point() else v for k, v in average}
        torch.save(half, self.args.out / "weights.pt")


def train(args: argparse.Namespace) -> None:
    """Run until the time budget is used."""
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    lspet = load_pack(args.data / "lspet.tar")
    portraits = load_pack(args.data / "mirflickr128.tar")
    packs = [lspet.where(lspet.numbers <= 9000), portraits]
    held_out = lspet.where((lspet.numbers > 9000) & (lspet.numbers <= 9500))
    count = sum(len(pack) for pack in packs)
    per_epoch = count // args.batch
    run = Run(args)

    def rows_of(step: int) -> NDArray[np.int64]:
        epoch, place = divmod(step, per_epoch)
        order = np.random.default_rng((args.seed, epoch)).permutation(count)
        return order[place * args.batch : (place + 1) * args.batch]

    with (args.out / "log.csv").open("a", newline="") as file, ThreadPoolExecutor(1) as pool:

        def ask(step: int) -> Future[Batch]:
            return pool.submit(make_batch, packs, rows_of(step), args.seed * 1_000_003 + step)

        log = csv.writer(file)
        ahead = ask(run.step)
        losses: list[float] = []
        while run.used_s < args.minutes * 60.0:
            begin_s = time.perf_counter()
            batch, ahead = ahead.result(), ask(run.step + 1)
            losses.append(run.learn(batch))
            run.used_s += min(5.0, time.perf_counter() - begin_s)  # a pause is not training
            if run.step % per_epoch == 0 or run.used_s >= args.minutes * 60.0:
                score = pck(run.average, held_out)
                epoch, loss = run.step // per_epoch, float(np.mean(losses))
                row = (
                    epoch,
                    run.step,
                    f"{run.used_s:.0f}",
                    f"{run.rate:.2e}",
                    f"{loss:.6f}",
                    f"{score:.4f}",
                )
                log.writerow(row)
                file.flush()
                print(*row, flush=True)  # noqa: T201
                losses.clear()
                run.save()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the packs")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--init", type=Path, help="state dict to start from")
    parser.add_argument("--minutes", type=float, default=80.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
