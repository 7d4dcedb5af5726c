"""A small ESC-50 of tones, and every defect that a check must name."""

import shutil

import numpy as np
import soundfile

HEADER = "filename,fold,target,category,esc10,src_file,take\n"


def tone(seconds, rate=44_100, channels=1, seed=0):
    """A tone in noise, [N] or [N, channels], different for each seed."""
    rng = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * (300 + 10 * seed) * time_axis) + 0.01 * rng.standard_normal(
        len(time_axis)
    )
    return wave if channels == 1 else np.stack([wave] * channels, 1)


def esc50(root, per_fold=3, seconds=1.0):
    """ESC-50's layout with two classes, and its first file half digital silence."""
    folder, lines = root / "ESC-50-master", [HEADER]
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    for fold in range(1, 6):
        for number in range(per_fold):
            source, target, category = (
                1000 * fold + number,
                *((0, "dog") if number % 2 else (1, "rooster")),
            )
            name = f"{fold}-{source}-A-{target}.wav"
            wave = tone(seconds, seed=source)
            if source == 1000:
                wave[len(wave) // 2 :] = 0
            soundfile.write(folder / "audio" / name, wave, 44_100)
            lines.append(f"{name},{fold},{target},{category},True,{source},A\n")
    (folder / "meta/esc50.csv").write_text("".join(lines))
    return folder


def names(report, kind):
    return [item["path"] if isinstance(item, dict) else item for item in report[kind]]


def plant(folder):
    """One or more files of each defect; returns {kind: paths}."""
    paths = sorted((folder / "audio").iterdir())
    missing, empty, cut, noise, nan, tiny, silent, short, stereo, other, twin = paths[:11]
    missing.unlink()
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:-30_000])
    noise.write_bytes(np.random.default_rng(0).bytes(5_000))
    soundfile.write(nan, np.full(44_100, np.nan, np.float32), 44_100, "FLOAT")
    soundfile.write(tiny, tone(0.05), 44_100)
    soundfile.write(silent, np.full(44_100, 3e-5), 44_100)
    soundfile.write(short, tone(0.6, seed=9_999), 44_100)
    soundfile.write(stereo, tone(1.0, channels=2, seed=7), 44_100)
    soundfile.write(other, tone(1.0, 22_050, seed=8), 22_050)
    shutil.copy(paths[12], twin)
    local = {
        "missing": [missing],
        "empty": [empty],
        "truncated": [cut],
        "undecodable": [noise, nan],
        "too_short": [tiny],
        "silent": [silent],
        "shorter_than_usual": [tiny, short],
        "stereo": [stereo],
        "other_rate": [other],
        "duplicated_files": [twin, paths[12]],
    }
    return {
        kind: [str(path.relative_to(folder)) for path in found] for kind, found in local.items()
    }
