"""Data sets in their official layouts, a few clips each, with the traps that real copies have."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

AUDIOSET_HEADER = (
    "# Segments csv created Sun Mar  5 10:54:25 2017\n# num_ytids=3, num_segs=3\n"
    "# YTID, start_seconds, end_seconds, positive_labels\n"
)
CLASS_FILE = (
    'index,mid,display_name\n0,/m/09x0r,"Speech"\n1,/m/05zppz,"Male speech, man speaking"\n'
    '2,/t/dd00003,"nan"\n3,/g/122z_qxw,"Fly, housefly"\n'
)

PART = "unbalanced_train_segments/unbalanced_train_segments_part07"


def clip(
    path: Path, seconds: float = 0.2, rate: int = 16_000, channels: int = 1, silent: float = 0.0
) -> Path:
    """Writes a tone in noise, in the format of the suffix; the share `silent` at its end is 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    wave = 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    wave = wave + 0.01 * rng.standard_normal(len(wave))
    wave[len(wave) - round(silent * len(wave)) :] = 0
    soundfile.write(str(path), np.repeat(wave[:, None], channels, axis=1), rate)
    return path


def text(path: Path, content: str, newline: str = "\n") -> Path:
    """Writes exactly these characters, line ends included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.replace("\n", newline).encode())
    return path


def empty(path: Path) -> Path:
    """A file of length zero."""
    return text(path, "")


def broken(path: Path) -> Path:
    """A file that no decoder can read."""
    return text(path, "<html>404</html>")


def audioset(root: Path) -> Path:
    """One clip a naming style, each id begins in a way that breaks something; three list styles."""
    folder = root / "audioset"
    text(folder / "metadata/class_labels_indices.csv", CLASS_FILE)
    text(
        folder / "metadata/eval_segments.csv",
        AUDIOSET_HEADER
        + '--4gqARaEJE, 0.000, 10.000, "/m/09x0r,/t/dd00003"\n'
        + '-0RWZT-miFs, 420.000, 427.000, "/m/05zppz"\n'
        + 'hf_hf_hf_hf, 30.000, 40.000, "/g/122z_qxw"\nundecodable, 0.000, 10.000, "/m/09x0r"\n',
    )
    # re-saved: no spaces, single labels unquoted, one header line without "#", CRLF
    text(
        folder / "metadata/balanced_train_segments.csv",
        "YTID,start_seconds,end_seconds,positive_labels\n"
        + 'Ybegins_Y00,0,10,/m/09x0r\n_under_scor,30,40,"/m/05zppz,/m/09x0r"\n',
        "\r\n",
    )
    # mangled by a spreadsheet: quotes inside quotes, empty columns
    text(
        folder / "metadata/unbalanced_train_segments.csv",
        AUDIOSET_HEADER
        + 'msmsmsmsmsm, 20.000, 30.000, """/m/09x0r",/g/122z_qxw"",,,,\n'
        + 'moremoremor,390.0,400.0,"/m/05zppz",,,\nzero-length, 0.000, 10.000, "/m/09x0r"\n'
        + 'not-there--, 0.000, 10.000, "/m/09x0r"\ntwo_copies-, 5.000, 15.000, "/m/09x0r"\n',
        "\r\n",
    )
    clip(folder / "audios/eval_segments/Y--4gqARaEJE.wav", rate=32_000)  # PANNs
    clip(folder / "audio/eval/_/0/-0RWZT-miFs_420.000.flac", 0.14)  # AST; 7 s of 10 by the list
    broken(folder / "audio/eval/undecodable.wav")
    clip(folder / "audio/eval/hf_hf_hf_hf.flac", rate=48_000)  # Hugging Face
    clip(
        folder / "audios/balanced_train_segments/YYbegins_Y00.wav"
    )  # PANNs, the id itself begins with Y
    clip(folder / "16k/_under_scor_30.wav", channels=2, rate=44_100)  # audioset-processing
    clip(folder / "audio/msmsmsmsmsm_20000_30000.flac")  # audiosetdl
    clip(folder / "audios" / PART / "moremoremor_390.0-400.0.wav")
    empty(folder / "audio/zero-length.wav")
    empty(folder / "Speech/two_copies-_5.0-15.0.wav")
    for label in ("Talk", "Speak", "Voice"):  # audioset-download: one copy a label
        clip(folder / label / "two_copies-_5.0-15.0.wav")
    clip(folder / "audio/notlistedid.wav")
    clip(folder / "audio/.hidden_file.wav")
    return folder


def vggsound(root: Path) -> Path:
    """Headerless list: a quoted label, an id at two starts, words that look like missing values."""
    folder = root / "vggsound"
    text(
        folder / "vggsound.csv",
        "---g-f_I2yQ,1,people marching,test\n"
        '-1oRfe0FQI8,60,"railroad car, train wagon",train\n'
        "-40DA8RPuq0,34,null,train\n-40DA8RPuq0,216,null,train\n"
        "hpDY7u8B8hE,5,NA,train\ngone_gone_g,7,NA,test\n"
        "silenceclip,0,people marching,train\nundecodable,4,null,train\nzero-length,3,NA,train\n",
        "\r\n",
    )
    clip(folder / "audio/---g-f_I2yQ_000001.wav")
    clip(folder / "audio/-1oRfe0FQI8_000060.wav", 0.12)  # 6 s of 10
    clip(folder / "audio/-40DA8RPuq0_000034.wav")
    clip(folder / "audio/-40DA8RPuq0_000216.wav")
    clip(folder / "more/hpDY7u8B8hE_5000_15000.flac")  # audiosetdl
    clip(folder / "audio/silenceclip.wav", silent=1.0)
    broken(folder / "audio/undecodable_000004.wav")
    empty(folder / "audio/zero-length_000003.wav")
    clip(folder / "audio/-40DA8RPuq0_000099.wav")  # a start that is not listed
    return folder


def librispeech(root: Path, split_lists: bool = False) -> Path:
    """Two speakers of two chapters of two utterances; pipes in a speaker's name; a file absent."""
    folder = root / "LibriSpeech"
    text(
        folder / "SPEAKERS.TXT",
        ";ID  |SEX| SUBSET           |MINUTES| NAME\n"
        "14   | F | train-clean-360  | 25.03 | Kristin LeMoine\n"
        "103  | F | train-clean-100  | 25.11 | Karen Savage\n"
        "60   | M | train-clean-100  | 20.18 | |CBW|Simon\n",
        "\r\n",
    )
    for speaker, chapter in ((60, 121082), (60, 121083), (103, 1240), (103, 1241)):
        base = folder / f"train-clean-100/{speaker}/{chapter}"
        ids = [f"{speaker}-{chapter}-{i:04d}" for i in range(2)]
        text(
            base / f"{speaker}-{chapter}.trans.txt",
            "".join(f"{name} CHAPTER ONE\n" for name in ids),
        )
        for name in ids:
            if name != "103-1241-0001":
                clip(base / f"{name}.flac")
    if split_lists:
        text(
            folder / "train_split.txt",
            "60-121082-0000\n60-121082-0001\n103-1240-0000\n103-1241-0001\n",
        )
        text(
            folder / "test_split.txt", "60-121083-0000\n103-1240-0001\n103-1241-0000\n"
        )  # one id is in neither
    return folder


def speech_commands(root: Path, version: str) -> Path:
    """Words, both lists, noise files to cut, and the test archive; a listed file is absent.

    The same file names recur in every word, and as in the release a speaker's files are all in one
    part. One word is short, one empty, one cannot be decoded, nor can one of the noise files.
    """
    folder = root / f"speech_commands_{version}"
    for word in ("yes", "stop", "backward", "zero"):
        for speaker in ("0165e0e8", "1a2b3c4d", "ffffffff"):
            clip(
                folder / word / f"{speaker}_nohash_0.wav",
                0.12 if (word, speaker) == ("yes", "0165e0e8") else 0.2,
            )
    words = ("backward", "stop", "yes", "zero")
    text(
        folder / "validation_list.txt",
        "".join(f"{word}/1a2b3c4d_nohash_0.wav\n" for word in words),
        "\r\n",
    )
    text(
        folder / "testing_list.txt",
        "\ufeff"
        + "".join(f"{word}/ffffffff_nohash_0.wav\n" for word in words)
        + "yes/ffffffff_nohash_1.wav\n",
    )
    empty(folder / "stop/0165e0e8_nohash_1.wav")
    broken(folder / "yes/0165e0e8_nohash_1.wav")
    broken(folder / "_background_noise_/pink_noise.wav")
    clip(folder / "_background_noise_/running_tap.wav", 2.0)
    clip(folder / "_background_noise_/white_noise.wav", 1.6)
    text(folder / "_background_noise_/README.md", "noise\n")
    clip(folder / "test_set/_silence_/running_tap_0.wav.wav")
    clip(folder / "test_set/_unknown_/bed_0.wav")
    return folder


def voxceleb1(root: Path) -> Path:
    """Three speakers, one in the test zip alone; a file absent; the same names in every folder."""
    folder = root / "voxceleb1"
    text(
        folder / "iden_split.txt",
        "1 id10001/1zcIwhmdeo4/00001.wav\n2 id10001/-ZcIwhmdeo4/00001.wav\n"
        "3 id10001/7w0IBEWc9Qw/00001.wav\n1 id10002/0_laIeN-Q44/00001.wav\n"
        "1 id10002/0_laIeN-Q44/00002.wav\n"
        "3 id10270/5r0dWxy17C8/00001.wav\n",
    )
    for path in (
        "id10001/1zcIwhmdeo4",
        "id10001/-ZcIwhmdeo4",
        "id10001/7w0IBEWc9Qw",
        "id10002/0_laIeN-Q44",
    ):
        clip(folder / "dev/wav" / path / "00001.wav")
    clip(folder / "test/wav/id10270/5r0dWxy17C8/00001.wav")
    return folder


def nsynth(root: Path) -> Path:
    """Three archives; synth_lead only in train; an entry without file, a file without entry; silent
    tails."""
    folder = root / "nsynth"
    names = {
        "train": ("guitar_acoustic_010-066-100", "synth_lead_synthetic_003-050-075"),
        "valid": ("bass_synthetic_033-022-050",),
        "test": ("vocal_acoustic_000-055-025", "reed_acoustic_011-030-127"),
    }
    for split, notes in names.items():
        entries = {
            name: {
                "note": i,
                "note_str": name,
                "instrument_str": name[:-8],
                "pitch": int(name[-7:-4]),
                "instrument_family_str": name[:-8].rsplit("_", 2)[0],
            }
            for i, name in enumerate(notes)
        }
        text(folder / f"nsynth-{split}/examples.json", json.dumps(entries))
        for name in notes:
            if name != "reed_acoustic_011-030-127":
                clip(folder / f"nsynth-{split}/audio/{name}.wav", silent=0.25)
    clip(folder / "nsynth-train/audio/organ_electronic_001-060-100.wav")
    return folder


def musan(root: Path) -> Path:
    """Every class; an artist of several words; a very short noise; one line without a file."""
    folder = root / "musan"
    for i in range(5):
        clip(folder / f"music/fma/music-fma-{i:04d}.wav")
    text(
        folder / "music/fma/ANNOTATIONS",
        "music-fma-0000 blues Y The Long Name Band\nmusic-fma-0009 jazz,rock N Solo\n",
    )
    clip(folder / "speech/us-gov/speech-us-gov-0000.wav", 0.5)
    clip(folder / "speech/us-gov/speech-us-gov-0001.wav", 0.5)
    text(folder / "speech/us-gov/LICENSE", "public domain\n")
    clip(folder / "noise/sound-bible/noise-sound-bible-0000.wav", 0.03)
    return folder


def esc50(root: Path, name: str = "ESC-50-master") -> Path:
    """Five folds of two classes; a category "NA"; a file absent, one empty; byte order mark, CRLF.

    One file is named as a fork does, and every dog is padded with silence.
    """
    folder = root / name
    rows = "\ufefffilename,fold,target,category,esc10,src_file,take\n"
    for fold in range(1, 6):
        for target, category in ((14, "NA"), (2, "dog")):
            file = f"{'dog_' if (fold, target) == (2, 2) else ''}{fold}-10{fold}-A-{target}.wav"
            rows += f"{file},{fold},{target},{category},True,10{fold},A\n"
            if file == "3-103-A-2.wav":
                empty(folder / "audio" / file)
            elif file != "4-104-A-14.wav":
                clip(folder / "audio" / file, rate=44_100, silent=0.5 if category == "dog" else 0.0)
    text(folder / "meta/esc50.csv", rows, "\r\n")
    return folder


def fsdd(root: Path) -> Path:
    """One speaker, two digits, recordings 0 to 5 of 50; a file of a speaker who is not released."""
    folder = root / "free-spoken-digit-dataset"
    for digit in (0, 7):
        for i in (0, 4, 5, 49):
            clip(folder / f"recordings/{digit}_theo_{i}.wav", rate=8_000)
    clip(folder / "recordings/3_nobody_1.wav", rate=8_000)
    return folder


def notes(root: Path, crossing: bool = False) -> Path:
    """notes.csv with two notes of one pitch, which belong together."""
    folder = root / "philharmonia-notes"
    rows = (
        ("cello", "string", "A#", "2", "train"),
        ("cello", "string", "A#", "2", "test" if crossing else "train"),
        ("oboe", "woodwind", "C", "6", "test"),
    )
    lines = "filename,instrument,family,pitch_class,octave,length,dynamic,split\n"
    for i, (instrument, family, pitch, octave, split) in enumerate(rows):
        lines += (
            f"audio/{instrument}/{i}.wav,{instrument},{family},{pitch},{octave},05,forte,{split}\n"
        )
        clip(folder / f"audio/{instrument}/{i}.wav")
    text(folder / "notes.csv", lines)
    return folder


def desed(root: Path) -> Path:
    """Weak labels, strong ones with a clip without events, a public part without Y; unlabelled.

    One id ends in what separates it from its times, and that clip is of 4 s, not 10; one is stereo.
    """
    folder = root / "DESED/dataset"
    text(
        folder / "metadata/train/weak.tsv",
        "filename\tevent_labels\nYKK227gPpRn4_30.000_40.000.wav\t"
        "Speech,Alarm_bell_ringing\nY--CE2f-ttEQ_30.000_40.000.wav\tCat\n"
        "Yshort_clip__0.000_4.000.wav\tDog\n",
    )
    text(
        folder / "metadata/train/unlabel_in_domain.tsv", "filename\nYnolabel_000_0.000_4.000.wav\n"
    )
    text(
        folder / "metadata/validation/validation.tsv",
        "filename\tonset\toffset\tevent_label\n"
        "Y00pbt6aJV8Y_350.000_360.000.wav\t0.000\t9.971\tVacuum_cleaner\n"
        "Y00pbt6aJV8Y_350.000_360.000.wav\t1.000\t2.000\tDog\n"
        "Y00pbt6aJV8Y_350.000_360.000.wav\t3.0\t4.0\tDog\n"
        "Ynothing_000_0.000_10.000.wav\t\t\t\n",
        "\r\n",
    )
    text(
        folder / "metadata/eval/public.tsv",
        "filename\tonset\toffset\tevent_label\nYo0FgMWTUE1_120_130.wav\t0.000\t2.081\tSpeech\n",
    )
    for path in (
        "train/weak/YKK227gPpRn4_30.000_40.000",
        "validation/validation/Y00pbt6aJV8Y_350.000_360.000",
        "validation/validation/Ynothing_000_0.000_10.000",
        "eval/public/Yo0FgMWTUE1_120_130",
        "train/unlabel_in_domain/Ynolabel_000_0.000_4.000",
    ):
        clip(folder / f"audio/{path}.wav", rate=44_100, channels=2 if "KK227" in path else 1)
    clip(folder / "audio/train/weak/Yshort_clip__0.000_4.000.wav", 0.12, 44_100)
    return root / "DESED"


def desed_events(root: Path) -> Path:
    """Strong labels: two events begin together, two are one and the same, one clip has none."""
    folder = root / "DESED/dataset"
    head, name = "filename\tonset\toffset\tevent_label\n", "Y00pbt6aJV8Y_350.000_360.000.wav"
    events = (
        ("0.000", "0.900", "Vacuum_cleaner"),
        ("0.000", "0.200", "Speech"),
        ("0.500", "0.700", "Dog"),
        ("0.100", "0.300", "Dog"),
        ("0.300", "0.500", "Cat"),
        ("0.300", "0.500", "Dishes"),
        ("0.3", "0.500", "Cat"),
    )
    rows = "".join("\t".join((name, *event)) + "\n" for event in events)
    text(folder / "metadata/validation/validation.tsv", f"{head}{rows}Ynothing_000_0.wav\t\t\t\n")
    there, gone = "Yo0FgMWTUE1_120_130.wav", "gonegonego1_0_10.wav"
    rows = f"{there}\t0.000\t0.208\tSpeech\n{there}\t0.3\t0.6\tDog\n{gone}\t1.0\t2.0\tCat\n"
    text(folder / "metadata/eval/public.tsv", head + rows)
    for path in (f"validation/validation/{name}", f"eval/public/{there}"):
        clip(folder / "audio" / path, 1.0, 44_100)
    clip(folder / "audio/validation/validation/Ynothing_000_0.wav", 1.0, 44_100)
    return root / "DESED"


def tut2018(root: Path) -> Path:
    """Tab-separated meta.csv and fold 1, two locations of a city."""
    folder = root / "TUT-urban-acoustic-scenes-2018-development"
    names = (
        "airport-barcelona-0-0-a",
        "airport-barcelona-0-1-a",
        "metro_station-paris-12-3-a",
        "park-oslo-1-1-a",
    )
    meta = "filename\tscene_label\tidentifier\tsource_label\n"
    for name in names:
        scene, city, location, *_ = name.split("-")
        meta += f"audio/{name}.wav\t{scene}\t{city}-{location}\ta\n"
        clip(folder / f"audio/{name}.wav", channels=2, rate=48_000)
    text(folder / "meta.csv", meta, "\r\n")
    text(
        folder / "evaluation_setup/fold1_train.txt",
        "".join(f"audio/{n}.wav\tairport\n" for n in names[:2]),
        "\r\n",
    )
    text(folder / "evaluation_setup/fold1_evaluate.txt", f"audio/{names[2]}.wav\tmetro_station\n")
    text(folder / "evaluation_setup/fold1_test.txt", f"audio/{names[2]}.wav\n")
    return folder


def birds2018(root: Path) -> Path:
    """Two of the three lists; numeric ids, one with a leading zero; one file absent."""
    folder = root / "birds2018"
    text(
        folder / "ff1010bird_metadata_2018.csv",
        "itemid,datasetid,hasbird\n00064,ff1010bird,0\n2525,ff1010bird,1\n",
    )
    text(
        folder / "warblrb10k_public_metadata_2018.csv",
        "itemid,datasetid,hasbird\n" + "".join(f"{c},warblrb10k,1\n" for c in "abcde"),
        "\r\n",
    )
    for path in (
        "ff1010bird/wav/00064",
        "ff1010bird/wav/2525",
        *(f"warblrb10k_public_wav/wav/{c}" for c in "abcd"),
    ):
        clip(folder / f"{path}.wav", rate=44_100)
    return folder


def spoken_language(root: Path) -> Path:
    """Kaggle's train/train and test/test; two recordings a language, each with a changed copy."""
    folder = root / "spoken-language-identification"
    for language, digits in (("en", "01"), ("de", "23")):
        for digit in digits:
            for suffix in ("1", "1.speed8", "2.noise12"):
                clip(
                    folder / f"train/train/{language}_m_{digit * 32}.fragment{suffix}.flac",
                    rate=22_050,
                )
    clip(folder / f"test/test/es_f_{'f' * 32}.fragment9.flac", rate=22_050)
    clip(
        folder / f"train/train/fr_f_{'e' * 32}.fragment9.flac", rate=22_050
    )  # the repository's head, not v1.0
    return folder


def dcase2013(root: Path) -> Path:
    """Development and test set with the same basenames, and the key of the test set."""
    folder = root / "dcase2013"
    clip(folder / "scenes_stereo/bus01.wav", channels=2, rate=44_100)
    clip(folder / "scenes_stereo/tubestation10.wav", channels=2, rate=44_100)
    clip(folder / "scenes_stereo_testset/bus01.wav", channels=2, rate=44_100)
    text(
        folder / "dcase2013_task1_filenamekey.csv",
        "fold,index,original,filename\nfold3_testset,1,x,bus01.wav\nfold5,2,y,park02.wav\n",
    )
    return folder


def listed(root: Path, name: str, label: str, names: tuple[str, ...]) -> Path:
    """A set with an index.csv: one train clip a name, one test clip."""
    folder, lines = root / name, f"path,split,group,fold,seconds,{label},licence\n"
    for number, value in enumerate((*names, names[0])):
        split = "train" if number < len(names) else "test"
        clip(folder / f"part/{number}.ogg")
        lines += f"part/{number}.ogg,{split},g{number},{number % 5},0.2,{value},CC0\n"
    text(folder / "index.csv", lines)
    return folder
