"""One function a release: its folder to an index (paper section 3.1); folder.py reads the rest."""

from asglib.data import toy
from asglib.data.releases import music, sounds, speech, video

BUILDERS = {
    "audioset": video.audioset,
    "audioset10": video.audioset10,
    "vggsound": video.vggsound,
    "librispeech": speech.librispeech,
    "speech_commands_v1": speech.speech_commands_v1,
    "speech_commands_v2": speech.speech_commands_v2,
    "nsynth": music.nsynth,
    "voxceleb1": speech.voxceleb1,
    "musan": music.musan,
    "esc50": sounds.esc50,
    "fsdd": speech.fsdd,
    "notes": music.notes,
    "toy": toy.build,
    "toy-a": toy.build,
    "toy-b": toy.build,
    "toy-scenes": toy.build,
    "desed": sounds.desed,
    "desed_events": sounds.desed_events,
    "tut2018": sounds.tut2018,
    "birds2018": sounds.birds2018,
    "spoken_language": speech.spoken_language,
    "dcase2013": sounds.dcase2013,
}
