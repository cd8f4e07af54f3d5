"""One iteration of SwiftBrush with PyTorch, diffusers and peft: the same work as one step of `Distiller` with its defaults.

An update of the student from the guided predictions of the teacher and the fake score, an update of the fake score's adapter of
rank 64 on to_q and to_v, both with Adam, and the student's moving average. Prompt embeddings are random.
"""

import copy

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.training_utils import EMAModel
from peft import LoraConfig


def load(options):
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    batch, guidance, alpha_bar_T = options.batch, 4.5, 0.0047
    teacher = UNet2DConditionModel.from_pretrained(options.model / "unet", torch_dtype=torch.float32).eval()
    student = copy.deepcopy(teacher)
    teacher.requires_grad_(False)
    teacher.add_adapter(LoraConfig(r=64, lora_alpha=108, target_modules=["to_q", "to_v"]))
    adapter = [p for n, p in teacher.named_parameters() if "lora" in n]
    student_optimizer = torch.optim.Adam(student.parameters(), lr=1e-6)
    adapter_optimizer = torch.optim.Adam(adapter, lr=1e-3)
    ema = EMAModel(student.parameters(), decay=0.9999)
    alpha_bar = DDIMScheduler.from_pretrained(options.model / "scheduler").alphas_cumprod
    size = options.size or teacher.config.sample_size
    prompts = torch.randn(64, options.tokens, teacher.config.cross_attention_dim)
    null = torch.randn(1, options.tokens, teacher.config.cross_attention_dim)

    def guided(x, t, c):
        both = teacher(torch.cat([x, x]), torch.cat([t, t]), torch.cat([null.expand_as(c), c])).sample
        unconditional, conditional = both.chunk(2)
        return unconditional + guidance * (conditional - unconditional)

    def coefficients(t):
        a = alpha_bar[t].view(-1, 1, 1, 1)
        return a.sqrt(), (1 - a).sqrt()

    def iterate():
        for parameter in adapter:
            parameter.requires_grad_(False)
        c = prompts[torch.randint(0, len(prompts), (batch,))]
        z = torch.randn(batch, 4, size, size)
        x0 = (z - (1 - alpha_bar_T) ** 0.5 * student(z, 999, c).sample) / alpha_bar_T**0.5
        t = torch.randint(20, 981, (batch,))
        a, s = coefficients(t)
        with torch.no_grad():
            noisy = a * x0 + s * torch.randn_like(x0)
            teacher.disable_adapters()
            from_teacher = guided(noisy, t, c)
            teacher.enable_adapters()
            target = x0 - s**2 * (from_teacher - guided(noisy, t, c))
        (0.5 * torch.nn.functional.mse_loss(x0, target)).backward()
        torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        student_optimizer.step()
        student_optimizer.zero_grad()

        for parameter in adapter:
            parameter.requires_grad_(True)
        t = torch.randint(0, 1000, (batch,))
        a, s = coefficients(t)
        noise = torch.randn_like(x0)
        fake_c = null.expand_as(c) if torch.rand(()) < 0.1 else c
        prediction = teacher(a * x0.detach() + s * noise, t, fake_c).sample
        torch.nn.functional.mse_loss(a * prediction, a * noise).backward()
        torch.nn.utils.clip_grad_norm_(adapter, 1.0)
        adapter_optimizer.step()
        adapter_optimizer.zero_grad()
        ema.step(student.parameters())

    return iterate
