extension WrongOptions {
    /// Options of distill and train-teacher.
    static let training: [WrongOptions] = [
        table(
            .trainTeacher, "",
            """
            → Missing expected argument '--output <output>'
            --shapes → Missing expected argument '--output <output>'
            --output teacher → expected a folder or --shapes, and not both
            data --shapes --output teacher → expected a folder or --shapes, and not both
            errors → Missing expected argument '<data>'
            report → Missing expected argument '<folder>'
            """),
        table(
            .trainLoRA, "",
            """
            → Missing expected argument '<pictures>'
            folder --model m → Missing expected argument '--output <output>'
            folder --output lora → Missing expected argument '--model <model>'
            folder --model m --output lora --save-every 0 → --save-every: expected 1 to 1000000000, found 0
            """),
        table(
            .trainTeacher, "--shapes --output teacher",
            """
            --nonsense → Unknown option '--nonsense'
            --batch x → The value 'x' is invalid for '--batch <batch>'
            --save-every 0 → --save-every: expected 1 to 1000000000, found 0
            --sheet-every 0 → --sheet-every: expected 1 to 1000000000, found 0
            --sheet-every 9223372036854775807 → --sheet-every: expected 1 to 1000000000, found 9223372036854775807
            --prediction-type sample → --prediction-type: expected epsilon, v_prediction or flow_prediction, found sample
            --prediction-type epsilon --start m → --prediction-type: expected none with --start, whose network keeps its own
            --vocabulary 513 → --vocabulary: expected 514 to 49408, found 513
            --vocabulary 49409 → --vocabulary: expected 514 to 49408, found 49409
            --autoencoder-iterations 0 → --autoencoder-iterations: expected 1 to 1000000000, found 0
            --autoencoder-iterations=-1 → --autoencoder-iterations: expected 1 to 1000000000, found -1
            --seed x → The value 'x' is invalid for '--seed <seed>': expected 0 to 18446744073709551615, or -1 \
            for a random one
            --channels → Missing value for '--channels <channels>'
            """),
        table(
            .trainTeacher, "errors",
            """
            data → Missing expected argument '--model <model>'
            """),
        table(
            .trainTeacher, "errors data --model m",
            """
            --pictures 1 → --pictures: expected 2 to 1000000000, found 1
            --timesteps → Missing value for '--timesteps <timesteps>'
            --timesteps 400 1000 → --timesteps: expected 0 to 999, found 1000
            --timesteps x → The value 'x' is invalid for '--timesteps <timesteps>'
            --timesteps=-1 → --timesteps: expected 0 to 999, found -1
            """),
        table(
            .distill, "",
            """
            → Missing expected argument '--teacher <teacher>'
            --prompts p --output run → Missing expected argument '--teacher <teacher>'
            --teacher t --output run → Missing expected argument '--prompts <prompts>'
            --teacher t --prompts p → Missing expected argument '--output <output>'
            """),
        table(
            .distill, "--teacher t --prompts p --output run",
            """
            --nonsense → Unknown option '--nonsense'
            extra → Unexpected argument 'extra'
            --loss none → The value 'none' is invalid for '--loss <loss>'. Please provide one of the following: - \
            sds - regression - vsd - swift-brush-v2 - prolific-dreamer - pg-sb - diff-instruct - dmd - \
            dmd-regression - dmd2 - sid - sid-lsg - sim - f-distill - lcm
            --recipe none → The value 'none' is invalid for '--recipe <recipe>'. Please provide one of the following: - \
            swiftbrush - swiftbrush-v2 - pg-sb - sid-lsg - dmd2 - best
            --student-rank 4 → --student-rank and --student-adapter-targets need --student-adapters
            --student-adapters --student-rank 0 → --student-rank: expected 1 to 4096, found 0
            --gradients float16 → The value 'float16' is invalid for '--gradients <gradients>'. Please provide one of \
            'float32' and 'bfloat16'.
            --measure-every 5 → --measure-every and --measure-reference: expected both or neither
            --measure-every 0 --measure-reference r → --measure-every: expected 1 to 1000000000, found 0
            --loss-timesteps 980 → The value '980' is invalid for '--loss-timesteps <loss-timesteps>'
            --loss-timesteps 980-20 → The value '980-20' is invalid for '--loss-timesteps <loss-timesteps>'
            --fake-score-guidance-scale nan → --fake-score-guidance-scale: expected -1000.0 to 1000.0, found nan
            --pairs-guidance-scale nan → --pairs-guidance-scale: expected -1000.0 to 1000.0, found nan
            --guidance-scale nan → --guidance-scale: expected -1000.0 to 1000.0, found nan
            --guidance-scale 1e300 → --guidance-scale: expected -1000.0 to 1000.0, found 1e+300
            --teacher-pictures 0 → --teacher-pictures: expected 1 to 1000000, found 0
            --teacher-pictures 1000001 → --teacher-pictures: expected 1 to 1000000, found 1000001
            --save-pairs pairs.safetensors → --save-pairs: --loss vsd generates no pairs
            --student-timestep=-1 → --student-timestep: expected 0 to 1000000, found -1
            --student-prediction none → The value 'none' is invalid for '--student-prediction \
            <student-prediction>'. Please provide one of 'epsilon', 'sample', 'v_prediction' or 'flow_prediction'.
            --fake-score none → The value 'none' is invalid for '--fake-score <fake-score>'. Please provide one \
            of 'adapters' and 'copy'.
            --fake-score-updates 0 → --fake-score-updates: expected 1 to 1000, found 0
            --fake-score-updates 1001 → --fake-score-updates: expected 1 to 1000, found 1001
            --learning-rate-schedule none → The value 'none' is invalid for '--learning-rate-schedule \
            <learning-rate-schedule>'. Please provide one of 'constant' and 'cosine'.
            --rank 0 → --rank: expected 1 to 4096, found 0
            --rank 4097 → --rank: expected 1 to 4096, found 4097
            --adapter-targets → Missing value for '--adapter-targets <adapter-targets>'
            --iterations=-1 → --iterations: expected 0 to 1000000000, found -1
            --iterations x → The value 'x' is invalid for '--iterations <iterations>'
            --save-every 0 → --save-every: expected 1 to 1000000000, found 0
            --sheet-guidance-scale nan → --sheet-guidance-scale: expected -1000.0 to 1000.0, found nan
            --sheet-guidance-scale 1001 → --sheet-guidance-scale: expected -1000.0 to 1000.0, found 1001.0
            --dtype float8 → The value 'float8' is invalid for '--dtype <dtype>'. Please provide one of \
            'float16', 'float32', 'bfloat16' or 'int8'.
            --seed -2 → The value '-2' is invalid for '--seed <seed>': expected 0 to 18446744073709551615, or -1 \
            for a random one
            """),
    ].flatMap { $0 }
}
