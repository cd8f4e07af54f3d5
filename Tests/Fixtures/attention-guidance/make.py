"""Normalized attention guidance (arXiv 2505.21179) and NASA's (arXiv 2412.02687) in diffusers, on the UNet of Examples/Models/emoji-student.

Run: python make.py   (writes golden.safetensors beside itself; everything is computed in Float32)

The cross-attentions get a processor of their own: the attention to the prompt and to the text to avoid, extrapolated, scaled down to an
L1 norm of at most threshold times the former's, and blended; or the one minus a part of the other.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from safetensors.torch import save_file

HERE = Path(__file__).parent
unet = UNet2DConditionModel.from_pretrained(
    HERE.parents[2] / "Examples/Models/emoji-student/unet", torch_dtype=torch.float32).eval()


class Guided(AttnProcessor2_0):
    def __init__(self, avoided, scale, threshold, blend):
        super().__init__()
        self.avoided, self.scale, self.threshold, self.blend = avoided, scale, threshold, blend

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, **_):
        def attended(text):
            batch, heads = hidden_states.shape[0], attn.heads
            parts = attn.to_q(hidden_states), attn.to_k(text), attn.to_v(text)
            q, k, v = (part.view(batch, -1, heads, part.shape[-1] // heads).transpose(1, 2) for part in parts)
            return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(hidden_states.shape)

        positive = attended(encoder_hidden_states)
        negative = attended(self.avoided.expand(hidden_states.shape[0], -1, -1))
        if self.threshold is None:
            return attn.to_out[0](positive - self.scale * negative)
        guided = positive * self.scale - negative * (self.scale - 1)
        ratio = guided.norm(p=1, dim=-1, keepdim=True) / positive.norm(p=1, dim=-1, keepdim=True)
        guided = guided * ratio.clamp(max=self.threshold) / ratio
        return attn.to_out[0](guided * self.blend + positive * (1 - self.blend))


generator = torch.Generator().manual_seed(11)
width = unet.config.cross_attention_dim
golden = {
    "in": torch.randn(2, unet.config.in_channels, 16, 16, generator=generator),
    "text": torch.randn(2, 7, width, generator=generator),
    "avoided": torch.randn(1, 5, width, generator=generator),
}
plain = dict(unet.attn_processors)
for name, settings in {"usual": (5, 1.5, 0.5), "clipped": (8, 1.05, 1), "unclipped": (1.5, 100, 0.25),
                       "subtracted": (0.3, None, None)}.items():
    guided = Guided(golden["avoided"], *settings)
    unet.set_attn_processor({key: guided if "attn2" in key else value for key, value in plain.items()})
    with torch.no_grad():
        golden[name] = unet(golden["in"], torch.tensor([999, 300]), golden["text"]).sample
unet.set_attn_processor(plain)
with torch.no_grad():
    golden["plain"] = unet(golden["in"], torch.tensor([999, 300]), golden["text"]).sample
save_file({key: value.contiguous() for key, value in golden.items()}, HERE / "golden.safetensors")
for key in golden:
    print(key, float((golden[key] - golden["plain"]).abs().max()) if golden[key].shape == golden["plain"].shape else "")
