"""Token ids of many strings by transformers' CLIPTokenizer, with CLIP's full vocabulary.

Run: python make.py   (writes merges.txt, sd1/, sd2/, strings.jsonl, ids.safetensors and decoded.jsonl beside itself)

Needs transformers 5, whose CLIPTokenizer (based on the `tokenizers` library) replaces the former CLIPTokenizer and
CLIPTokenizerFast, and open_clip_torch for the vocabulary.

strings.jsonl  one JSON string per line.
ids.safetensors  "lengths" and "ids" by transformers, including start and end tokens, for all strings in sequence; the same with
    Stable Diffusion 2's configuration as "sd2.lengths" and "sd2.ids" for the strings "sd2.indices" (all others have the
    same ids). 16-bit integers; ids are unsigned.
decoded.jsonl  per line [ids, text, text without special tokens], or [string, ids, truncated] with the text that diffusers reports
    as truncated.
"""

import gzip
import hashlib
import json
import random
import tempfile
import unicodedata
from importlib.resources import files
from pathlib import Path

import numpy
import tokenizers
import transformers
from safetensors.numpy import save_file
from transformers import CLIPTokenizer

from prompts import CODE, LANGUAGES, prompts

HERE = Path(__file__).parent
SHA256 = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
random.seed(20)


def vocabulary():
    """Builds CLIP's published vocabulary: 256 bytes, 256 bytes at a word's end, the merges, start and end."""
    packed = files("open_clip").joinpath("bpe_simple_vocab_16e6.txt.gz").read_bytes()
    assert hashlib.sha256(packed).hexdigest() == SHA256
    merges = gzip.decompress(packed).decode().split("\n")[1 : 49152 - 256 - 2 + 1]
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    characters = [chr(b) for b in printable] + [chr(0x100 + n) for n in range(len(others))]
    tokens = characters + [c + "</w>" for c in characters] + ["".join(m.split()) for m in merges]
    return merges, {token: i for i, token in enumerate(tokens + ["<|startoftext|>", "<|endoftext|>"])}


def configurations():
    """Writes the configuration files of Stable Diffusion 1.5 and 2.1-base as on the Hub."""
    token = lambda content: dict(content=content, lstrip=False, normalized=True, rstrip=False, single_word=False)
    start, end = token("<|startoftext|>"), token("<|endoftext|>")
    for name, padding in [("sd1", "<|endoftext|>"), ("sd2", "!")]:
        folder = HERE / name
        folder.mkdir(exist_ok=True)
        tokens = dict(bos_token=start, eos_token=end, pad_token=padding, unk_token=end)
        (folder / "special_tokens_map.json").write_text(json.dumps(tokens, indent=1) + "\n")
        typed = {key: {"__type": "AddedToken", **value} for key, value in tokens.items() if key != "pad_token"}
        configuration = dict(
            add_prefix_space=False, do_lower_case=True, errors="replace", model_max_length=77,
            pad_token="<|endoftext|>", tokenizer_class="CLIPTokenizer", **typed,
        )
        (folder / "tokenizer_config.json").write_text(json.dumps(configuration, indent=1) + "\n")


def scalars():
    """Returns some scalars of every Unicode block; blocks begin at multiples of 16."""
    for start in range(0, 0x110000, 16):
        is_large = (
            0x3400 <= start < 0xA000 or 0xAC00 <= start < 0xD7B0 or 0xE000 <= start < 0xF900 or 0x17000 <= start < 0x18D80
            or 0x20000 <= start < 0xE0000 or 0xE0200 <= start
        )
        if 0xD800 <= start < 0xE000 or is_large and start % 0x800 or 0x40000 <= start < 0xE0000 and start % 0x10000:
            continue
        yield from (chr(start + offset) for offset in random.sample(range(16), 2))


def unicode_strings():
    # Letters and digits of Unicode 17, which tokenizers 0.23 does not classify as such, in context.
    for c in "\u088f\u0c5c\u0cdc\ua7ce\ua7cf\ua7d2\ua7d4\ua7f1\U00010940\U00010ec5\U00011db0\U00011de0\U00016ea0\U00016ff4\U000323b0\U00033479":
        yield from (c, f"a{c}b", f"{c}{c} {c}1", f"é{c}!")
    # Marks and compositions added after Unicode 9, which it neither reorders nor composes.
    for c in "\u07fd\u0898\u0899\u089f\u08ca\u09fe\u0d3b\u0eba\u1abf\u1ace\u1df6\U00010d69\U00011839\U0001e5ee":
        yield from (f"q\u0301{c}", f"q{c}\u0334", f"e{c}\u0301", f"e\u0301{c}\u0323")
    yield from ("\U000105d2\u0307", "\U00011935\U00011930", "\U00011382\U000113c9", "\U0001611e\U0001611e", "\U00016d63\U00016d67")
    for index, c in enumerate(scalars()):
        yield c if index % 2 else random.choice(["a{}b", "red {} cat", "{}{}", "1{}2", "({}) x", "é{}", "{}'s"]).replace("{}", c)
    spaces = [chr(c) for c in range(0x110000) if chr(c).isspace()]
    for c in [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA1)), *spaces]:
        yield from (c, f"{c}cat", f"cat{c}", f"red{c}cat", f"{c}{c} a {c} b{c}\n", f"red {c} 1{c}2!{c}!")
    zero_width = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u061c\u180e\u2061\u2062\u2063\u2064\u200e\u200f\u202a\u202e\u2066\u2069"
    for c in zero_width:
        yield from (c, f"red{c}heart", f"{c}red", f"red{c}", f"1{c}2", f"!{c}!", f"e{c}\u0301")


def marks():
    words = "café naïve Ünïcode ångström ñandú fiancée Dvořák Łódź Şişli İstanbul ẞtraße ΆΈΉ ᾳ̈ Ångström ấn Việt Nam Tiếng Ǆungla ﬁre".split()
    words += "한국어 각하 값 밝은 닭 हिन्दी क़लम ড়াক ਖ਼ ଢ଼ שָׁלוֹם אַרְיֵה العَرَبِيَّة がぎぐ パピプ ｶﾞ ゔ བོད་ཡིག ཱི ཱུ ဗမာ ᬒᬵ ಕೋ കൊ".split()
    for word in words:
        for form in ("NFC", "NFD", "NFKC", "NFKD"):
            text = unicodedata.normalize(form, word)
            yield from (text, text.upper(), f"a {text}, {text}!", text[::-1])
    combining = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c))[0] == "M"]
    for _ in range(1400):
        base = random.choice("aeiouAEsKℵαЖक가각ᄀㄱ1! ")
        yield base + "".join(random.choices(combining, k=random.randint(1, 4))) + random.choice(["", "x", " ", "\u11a8"])


def emoji():
    bases = [chr(c) for r in [(0x1F300, 0x1F650), (0x1F680, 0x1F700), (0x1F900, 0x1FB00), (0x2600, 0x27C0)] for c in range(*r)]
    people = "👨👩🧑👦👧👶👵🧓👮🕵💂👷🤴👸🧙🧚🏃💃🤝👋"
    tones = ["", "🏻", "🏼", "🏽", "🏾", "🏿"]
    for _ in range(700):
        yield random.choice(["{}", "a {} b", "{}{}", "{}!", "happy{}"]).replace("{}", random.choice(bases) + random.choice(["", "\ufe0f", "\ufe0e"]))
    for _ in range(700):
        parts = [random.choice(people) + random.choice(tones) for _ in range(random.randint(1, 4))]
        tail = random.choice(["", "\u200d♀\ufe0f", "\u200d♂\ufe0f", "\u200d🚀", "\u200d🦰", "\u200d❤\ufe0f\u200d💋\u200d👩"])
        yield random.choice(["", "an emoji of "]) + "\u200d".join(parts) + tail
    letters = [chr(c) for c in range(0x1F1E6, 0x1F200)]
    for _ in range(200):
        yield "".join(random.choices(letters, k=random.choice([1, 2, 2, 2, 3, 4])))
    for c in "0123456789#*":
        yield from (f"{c}\ufe0f\u20e3", f"{c}\u20e3", f"press {c}\ufe0f\u20e3 now")
    yield "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"


def special():
    tokens = ["<|startoftext|>", "<|endoftext|>", "<|STARTOFTEXT|>", "<|EndOfText|>", "<|endoftext|", "<|endof text|>", "< |endoftext|>", "<|pad|>"]
    around = ["{}", "a {} b", "a{}b", "{}{}", "!{}!", "{}!", " {} ", "é{}", "{}'s", "<{}>", "{}\u0301", "x\u0301{}", "1{}2"]
    for token in tokens:
        for form in around:
            yield form.replace("{}", token)
    yield from ("", "!", "!!", "!!!", "!!!!", "! !", "a!", "!a", "a ! b", "a!b!c", "!?", "?!", "!\u0301", "\u0301!", "！", "¡hola!", "<!-- -->", "!=", "don't!")
    for _ in range(300):
        yield "".join(random.choices(["!", "!!", " ", "a", "cat", "'s", "<|endoftext|>", "<|EndOfText|>", "é", "3", "\u0301", "?", "\n"], k=random.randint(2, 9)))


def long():
    everything = [w for p in prompts(300) for w in p.split()]
    yield from ("a" * 5000, "ab" * 2500, "é" * 3000, "!" * 4000, "1" * 2500, " " * 5000, "z\u0301" * 1500, "日本語" * 900, "😀" * 900)
    yield from ("'s" * 1000, "." * 3000, "a " * 2000, "aaaaaaaaab" * 300, "\u0301" * 2000)
    for length in (90, 200, 500, 900):
        yield " ".join(random.choices(everything, k=length))
        yield "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=length * 3))
        yield "".join(random.choices("aeiou ,.!'é日😀\u0301\u200d1A", k=length * 2))


def strings():
    groups = [special(), prompts(9000), CODE, LANGUAGES, unicode_strings(), marks(), emoji(), long()]
    return list(dict.fromkeys(s for group in groups for s in group))


def pack(rows):
    flat = numpy.array([i for row in rows for i in row], dtype=numpy.uint16).view(numpy.int16)
    return numpy.array([len(row) for row in rows], dtype=numpy.int16), flat


def dump(rows, path):
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows]
    assert not any("\n" in line for line in lines)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


merges, vocab = vocabulary()
(HERE / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
configurations()
with tempfile.TemporaryDirectory() as scratch:
    tokenizer = {}
    for name in ("sd1", "sd2"):
        folder = Path(scratch) / name
        folder.mkdir()
        for file in (HERE / name).iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        (folder / "merges.txt").write_bytes((HERE / "merges.txt").read_bytes())
        (folder / "vocab.json").write_text(json.dumps(vocab))
        tokenizer[name] = CLIPTokenizer.from_pretrained(folder)
texts = strings()
dump(texts, HERE / "strings.jsonl")
ids = {name: tokenizer[name](texts).input_ids for name in tokenizer}
differing = [i for i in range(len(texts)) if ids["sd1"][i] != ids["sd2"][i]]
golden = {"sd2.indices": numpy.array(differing, dtype=numpy.int32)}
golden["lengths"], golden["ids"] = pack(ids["sd1"])
golden["sd2.lengths"], golden["sd2.ids"] = pack([ids["sd2"][i] for i in differing])
versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
save_file(golden, HERE / "ids.safetensors", metadata=versions)

sd2 = tokenizer["sd2"]
decoded = []
for i in random.sample(range(len(texts)), 1200):
    if len(ids["sd2"][i]) < 60:
        decoded.append([ids["sd2"][i], sd2.decode(ids["sd2"][i]), sd2.decode(ids["sd2"][i], skip_special_tokens=True)])
for _ in range(400):
    row = [random.choice([random.randrange(49408), random.randrange(512)]) for _ in range(random.randint(0, 12))]
    decoded.append([row, sd2.decode(row), sd2.decode(row, skip_special_tokens=True)])
long_prompts = [", ".join(random.sample(texts[:9000], 7)) for _ in range(60)]
for prompt in long_prompts + ["short", "a " * 75, "a " * 76, "日本語" * 60, "a!" * 60]:
    # diffusers' StableDiffusionPipeline.encode_prompt.
    padded = sd2(prompt, padding="max_length", max_length=77, truncation=True, return_tensors="np").input_ids
    untruncated = sd2(prompt, padding="longest", return_tensors="np").input_ids
    cut = None
    if untruncated.shape[-1] >= padded.shape[-1] and not numpy.array_equal(padded, untruncated):
        cut = sd2.batch_decode(untruncated[:, sd2.model_max_length - 1 : -1])[0]
    decoded.append([prompt, padded[0].tolist(), cut])
dump(decoded, HERE / "decoded.jsonl")
print(len(texts), "strings,", len(differing), "differ with Stable Diffusion 2's padding,", len(decoded), "decoded")
