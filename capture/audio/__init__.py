"""One call's media as sound: RTP payloads in, a stereo WAV out, decoded by FFmpeg through PyAV."""

from capture.audio.errors import AudioError
from capture.audio.packets import Format, RtpPacket, VoiceStream
from capture.audio.recording import Recording, write_recording

__all__ = ["AudioError", "Format", "Recording", "RtpPacket", "VoiceStream", "write_recording"]
