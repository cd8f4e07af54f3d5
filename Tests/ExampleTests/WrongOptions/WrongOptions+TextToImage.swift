extension WrongOptions {
    /// Options of text-to-image.
    static let textToImage: [WrongOptions] = [
        table(
            .textToImage, "",
            """
            → expected a prompt or --prompts FILE, and not both
            --prompts prompts.txt → --prompts needs --output FOLDER
            """),
        table(
            .textToImage, "heart",
            """
            --nonsense → Unknown option '--nonsense'
            extra → Unexpected argument 'extra'
            --output= → Missing value for '--output <output>'
            --output → Missing value for '--output <output>'
            --prompts prompts.txt --output many → expected a prompt or --prompts FILE, and not both
            --count -1 → Missing value for '--count <count>'
            --count 0 → --count: expected 1 to 4096, found 0
            --count 4097 → --count: expected 1 to 4096, found 4097
            --count 9223372036854775808 → The value '9223372036854775808' is invalid for '--count <count>'
            --count 1.5 → The value '1.5' is invalid for '--count <count>'
            --seed -2 → The value '-2' is invalid for '--seed <seed>': expected 0 to 18446744073709551615, or -1 \
            for a random one
            --seed 18446744073709551616 → The value '18446744073709551616' is invalid for '--seed <seed>': \
            expected 0 to 18446744073709551615, or -1 for a random one
            --seed x → The value 'x' is invalid for '--seed <seed>': expected 0 to 18446744073709551615, or -1 \
            for a random one
            --threads 0 → --threads: expected 1 to 1024, found 0
            --threads 2000 → --threads: expected 1 to 1024, found 2000
            --packed-weights=-1 → --packed-weights: expected 0.0 to 1000000.0, found -1.0
            --packed-weights nan → --packed-weights: expected 0.0 to 1000000.0, found nan
            --lora a.safetensors:nan → --lora: expected a finite weight, found a.safetensors:nan
            --weights int4 → The value 'int4' is invalid for '--weights <weights>'. \
            Please provide one of 'stored', 'float32' or 'int8'.
            --weights int8 --lora a.safetensors → --lora needs weights that can be changed: expected no --weights int8
            --lora a.safetensors:inf → --lora: expected a finite weight, found a.safetensors:inf
            --prediction-type none → The value 'none' is invalid for '--prediction-type <prediction-type>'. \
            Please provide one of 'epsilon', 'sample', 'v_prediction' or 'flow_prediction'.
            --clip-skip=-1 → --clip-skip: expected at least 0, found -1
            --height 64 → --height and --width need each other
            --width 64 → --height and --width need each other
            --width 64 --height 0 → --height: expected 1 to 16384, found 0
            --width 16385 --height 64 → --width: expected 1 to 16384, found 16385
            --latents l --height 64 --width 64 → --latents determines size and start: expected neither --height \
            and --width nor --image
            --latents l --image a.png --steps 2 → --latents determines size and start: expected neither --height \
            and --width nor --image
            --image a.png → --image needs --steps: a one-step student generates from noise
            --mask m.png → --mask needs --image
            --strength 0.5 → --strength needs --image
            --image a.png --steps 2 --strength 0 → --strength: expected above 0 and at most 1, found 0.0
            --image a.png --steps 2 --strength 1.5 → --strength: expected above 0 and at most 1, found 1.5
            --image a.png --steps 2 --strength nan → --strength: expected above 0 and at most 1, found nan
            --steps 0 → --steps: expected 1 to 1000000, found 0
            --steps 1e300 → The value '1e300' is invalid for '--steps <steps>'
            --steps 9223372036854775807 → --steps: expected 1 to 1000000, found 9223372036854775807
            --guidance-scale 2 → --guidance-scale needs --steps: it applies only to multi-step models
            --guidance-rescale 0.5 → --guidance-rescale needs --steps: it applies only to multi-step models
            --attention-guidance subtracted → --attention-guidance and --attention-guidance-scale need --negative-prompt
            --negative-prompt cat --attention-guidance-scale 101 → --attention-guidance-scale: expected -100.0 to 100.0, found 101.0
            --sampler ddim → --sampler needs --steps: it applies only to multi-step models
            --timestep-spacing leading → --timestep-spacing needs --steps: it applies only to multi-step models
            --eta 1 → --eta needs --steps: it applies only to multi-step models
            --preview-every 1 → --preview-every needs --steps: it applies only to multi-step models
            --to-seed -2 → The value '-2' is invalid for '--to-seed <to-seed>': expected 0 to \
            18446744073709551615, or -1 for a random one
            --to-seed 3 → --to-seed and --to-prompt need --count of at least 2, and no --latents
            --to-prompt cat --count 3 --steps 2 → --untrained-student, --to-seed and --to-prompt generate in one \
            step: expected no --steps
            --to-prompt cat --count 3 --latents l → --to-seed and --to-prompt need --count of at least 2, and no \
            --latents
            --batch 2 → --batch needs --prompts
            """),
        table(
            .textToImage, "--prompts prompts.txt --output many",
            """
            --count 10000001 → --count: expected 1 to 10000000, found 10000001
            --batch 0 → --batch: expected 1 to 4096, found 0
            --batch 4097 → --batch: expected 1 to 4096, found 4097
            --latents l → --latents is for a single prompt: expected no --prompts
            --steps 2 --image a.png → --image is for a single prompt: expected no --prompts
            --count 2 --to-seed 3 → --to-seed or --to-prompt is for a single prompt: expected no --prompts
            --steps 2 --preview-every 1 → --preview-every is for a single prompt: expected no --prompts
            --save-latents l → --save-latents is for a single prompt: expected no --prompts
            --embeddings e → --embeddings is for a single prompt: expected no --prompts
            --save-embeddings e → --save-embeddings is for a single prompt: expected no --prompts
            """),
        table(
            .textToImage, "heart --steps 2",
            """
            --guidance-scale nan → --guidance-scale: expected -1000.0 to 1000.0, found nan
            --guidance-scale 1e300 → --guidance-scale: expected -1000.0 to 1000.0, found 1e+300
            --guidance-rescale 1.5 → --guidance-rescale: expected 0.0 to 1.0, found 1.5
            --eta=-1 → --eta: expected 0.0 to 1.0, found -1.0
            --preview-every 0 → --preview-every: expected 1 to 1000000, found 0
            --preview-every 9223372036854775807 → --preview-every: expected 1 to 1000000, found 9223372036854775807
            --sampler none → --sampler: expected one of ddim, ddpm, euler, euler-ancestral, heun, lms, pndm, \
            dpm-solver, dpm-solver-singlestep, unipc, deis, kdpm2, kdpm2-ancestral, lcm, tcd, flow-match-euler, found none
            --timestep-spacing none → The value 'none' is invalid for '--timestep-spacing <timestep-spacing>'. \
            Please provide one of 'leading', 'trailing' or 'linspace'.
            --untrained-student → --untrained-student, --to-seed and --to-prompt generate in one step: expected \
            no --steps
            --to-seed 3 --count 3 → --untrained-student, --to-seed and --to-prompt generate in one step: expected \
            no --steps
            """),
    ].flatMap { $0 }
}
