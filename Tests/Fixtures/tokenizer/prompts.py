"""Typical prompts composed of word lists, sentences in many languages, code and URLs."""

import random

OBJECTS = """cat dog castle mountain lake astronaut robot dragon owl forest city street car motorcycle teapot violin lighthouse
ship spaceship bridge cathedral garden butterfly horse fox wolf whale octopus jellyfish mushroom bonsai waterfall desert
volcano island market kitchen library portrait knight wizard samurai pirate ballerina chef farmer scientist child grandmother
strawberry croissant burger ramen sushi pizza teacup lamp armchair bicycle train airplane helicopter clock keyboard camera
guitar piano drum umbrella snowman pumpkin skull crown sword shield lantern candle heart star moon galaxy nebula planet""".split()
ADJECTIVES = """red orange yellow green blue purple pink brown black white golden silver tiny giant ancient futuristic rusty shiny
glowing translucent fluffy wooden crystalline mossy snowy foggy sunlit moonlit neon pastel vibrant monochrome intricate
ornate minimalist cozy abandoned overgrown steampunk cyberpunk gothic baroque surreal whimsical elegant majestic cute angry
sleepy happy melancholic ethereal photorealistic hyper-detailed low-poly isometric hand-drawn 8-bit 1970s""".split()
STYLES = """oil painting|watercolor|pencil sketch|digital art|concept art|3d render|octane render|unreal engine 5|photograph|35mm film|
polaroid|claymation|origami|stained glass|pixel art|ukiyo-e|art nouveau|impressionism|cubism|pop art|vaporwave|line art|
children's book illustration|blueprint|graffiti|mosaic|embroidery|charcoal drawing|studio lighting|cinematic lighting""".replace("\n", "").split("|")
ARTISTS = """Alma Kőszegi|Jean-Luc d'Ambrosio|R. K. O'Malley|Søren Bjørnsson|Ana María Núñez|van der Heijden|Łukasz Wójcik|
Müller & Söhne|Dvořáková|Ng Wei|McAllister|X Æ A-12|St. John-Smythe|Le Corbeau|DJ Q-Bert|zdzisław b.|Å. Ødegård""".replace("\n", "").split("|")
PLACES = "in Paris|at sunset|under the sea|on Mars|in a bottle|at 5 o'clock|on a rainy day|in the year 2077|near Mt. Fuji|by the river".split("|")
EXTRAS = """4k|8K UHD|trending on artstation|highly detailed|sharp focus|f/1.8|ISO 100|50mm|bokeh|HDR|award-winning|masterpiece|best quality|
(masterpiece:1.2)|((detailed))|[blurry]|{soft light}|(red:1.3)|(worst quality:-1.4)|[cat|dog]|[day:night:0.5]|<lora:style_v2:0.8>|--ar 16:9|
--v 5.2|--no text|&amp;|“quoted”|it's|don't|they're|we've|I'm|you'll|he'd|rock'n'roll|'tis|#art|@someone|100%|$5|€10|½|2nd|3.14|1,000|10^3|
c++|a/b|a_b|AND|BREAK|:)|;-)|<3|...|?!|!!!|—|–|~|*bold*|`code`|x2|1920x1080|16:9""".replace("\n", "").split("|")

FORMS = [
    "a {a} {o}", "a {a} {a} {o} {p}", "{o}", "{a} {o}, {s}", "a photo of a {a} {o} {p}, {e}, {e}", "{s} of a {o} by {n}",
    "an emoji of a {a} {o}", "{o} and {o} {p}, {s}, {e}", "The {o}'s {a} {o}", "{A} {O} {e}", "a {a}, {a} {o}; {s}: {e} - {e}",
    "portrait of {n} as a {o}, {s}, {e}, {e}, {e}", "({a} {o}:1.{d}), {s}, [{a}:{a}:0.{d}]", "{d}{d} {o}s {p}", "{a}-{o}({d})",
    "what's a {a} {o}?! {e}", "\"{a} {o}\" -- {n}, {d}{d}{d}{d}", "{o}{d}{o}", "  {a}   {o}  ", "{e}{e} {o}", "{o}\t{a}\n{s}",
]


def prompts(count):
    stream = random.Random(7)
    seen = {}
    while len(seen) < count:
        text = stream.choice(FORMS)
        for key, words in [("{a}", ADJECTIVES), ("{o}", OBJECTS), ("{s}", STYLES), ("{n}", ARTISTS), ("{p}", PLACES), ("{e}", EXTRAS), ("{d}", "0123456789")]:
            while key in text:
                text = text.replace(key, stream.choice(words), 1)
        text = text.replace("{A}", stream.choice(ADJECTIVES).upper()).replace("{O}", stream.choice(OBJECTS).title())
        if stream.random() < 0.1:
            text = stream.choice([text.upper(), text.title(), text.swapcase(), text + "!", text + ".", text.replace(" ", "")])
        seen[text] = None
    return list(seen)


CODE = """https://example.org/a/b?c=d&e=%20f#g|http://localhost:8080/|ftp://user:pass@host.example:21/~x|mailto:a.b+c@example.co.uk|www.example.com
def f(x): return x**2  # square|for (int i = 0; i < 10; ++i) { a[i] += 1; }|let x = try? foo(&bar)!|SELECT * FROM t WHERE a <> 'b';|<div class="x">&nbsp;</div>
{"a": [1, 2.5e-3, null], "b": true}|if [ $# -ne 0 ]; then echo "$@"; fi|C:\\\\Users\\\\x\\\\y.txt|/usr/local/bin/env|\\\\frac{1}{2}\\\\pi r^2|a^2+b^2=c^2|x => y ?? z
1.2.3.4|2001:db8::1|0xdeadbeef|1e-9|-273.15|+49 (0)30 123456|2024-02-29T12:34:56Z|12:30|ISBN 978-3-16-148410-0|#ff8800|rgb(255, 0, 0)|v1.0.0-rc.1|H2O|CO₂|E=mc²""".replace("\n", "|").split("|")

LANGUAGES = """All human beings are born free|Alle Menschen sind frei und gleich an Würde geboren|Tous les êtres humains naissent libres|
Todos los seres humanos nacen libres e iguales|Tutti gli esseri umani nascono liberi|Todos os seres humanos nascem livres|
Alla människor är födda fria|Alle mennesker er født frie|Allir menn eru bornir frjálsir|Kaikki ihmiset syntyvät vapaina|Kõik inimesed sünnivad vabadena|
Visi cilvēki piedzimst brīvi|Visi žmonės gimsta laisvi|Wszyscy ludzie rodzą się wolni|Všichni lidé rodí se svobodní|Minden emberi lény szabadon születik|
Toate ființele umane se nasc libere|Všetci ľudia sa rodia slobodní|Sva ljudska bića rađaju se slobodna|Tüm insanlar özgür doğarlar|Bütün insanlar ləyaqət|
Tất cả mọi người sinh ra đều được tự do|Semua orang dilahirkan merdeka|Ang lahat ng tao'y isinilang na malaya|Binadamu wote wamezaliwa huru|Bo nuhi|
Все люди рождаются свободными|Всі люди народжуються вільними|Всички хора се раждат свободни|Сва људска бића рађају се слободна|Όλοι οι άνθρωποι γεννιούνται ελεύθεροι ΟΔΥΣΣΕΥΣ|
Բոլոր մարդիկ ծնվում են ազատ|ყველა ადამიანი იბადება თავისუფალი ᲧᲕᲔᲚᲐ|כל בני האדם נולדו בני חורין|يولد جميع الناس أحراراً|تمام افراد بشر آزاد به دنیا می‌آیند|تمام انسان آزاد|
सभी मनुष्यों को गौरव|সমস্ত মানুষ স্বাধীনভাবে|ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ|પ્રતિષ્ઠા અને અધિકારો|மனிதப் பிறவியினர் சகலரும்|ప్రతిపత్తిస్వత్వముల|ಎಲ್ಲಾ ಮಾನವರೂ|മനുഷ്യരെല്ലാവരും|සියලු මනුෂ්‍යයෝ|
มนุษย์ทั้งหลายเกิดมามีอิสระ|ມະນຸດທຸກຄົນ|མི་རེ་རེ་|လူတိုင်းသည်|មនុស្សទាំងអស់|人人生而自由|人人生而自由,在尊嚴和權利上一律平等。|すべての人間は、生まれながらにして自由|ｶﾀｶﾅ ﾊﾝｶｸ|모든 인간은 태어날 때부터|
ሰብዓዊ ፍጡራን|ᎠᏂᎦᏔᎲᎢ ꭰꮒ|ᐃᓄᓕᒫᑦ|ߡߐ߱ ߟߎ߫|Хүн бүр төрж|ᠬᠦᠮᠦᠨ|ⵉⵎⴷⴰⵏⵏ|Ɛnii mmɔfra|Gbogbo ènìyàn ni a bí ní òmìnira|ʻO nā kānaka apau|Ĉiuj homoj estas denaske liberaj|Omnes homines liberi|
𐌰𐌻𐌻𐌰𐌹|𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝕏 𝟙𝟚|Ⅷ ⅷ ① ② ㊗ ㍿ ﷽|𓀀𓁐 𒀀 𐎀|ǅ ǈ ŉ ẖ ﬀ ﬃ ß ẞ ı İ ſ K Å|ａｂｃ ＡＢＣ １２３|½ ¼ ² ³ ¹ ª º|١٢٣ ۱۲۳ १२३ ๑๒๓""".replace("\n", "").split("|")
