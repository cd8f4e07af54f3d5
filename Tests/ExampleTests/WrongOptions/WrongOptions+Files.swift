extension WrongOptions {
    /// Files and folders that do not exist.
    static let files: [WrongOptions] = [
        table(
            .evaluate, "",
            """
            /absent → the folder: /absent: cannot be read: there is no such file or folder
            train-alignment /absent --output o → the folder: /absent: cannot be read: there is no such file or folder
            train-classifier /absent --output o → the folder: /absent: cannot be read: there is no such file or folder
            captions /absent --reference r --classifier c → the folder: /absent: cannot be read: there is no such file or \
            folder
            captions / --reference /absent --classifier c → --reference: /absent: cannot be read: there is no such file or \
            folder
            captions / --reference / --classifier /absent → --classifier: /absent: cannot be read: there is no such file or \
            folder
            """),
        table(
            .evaluate, "table",
            """
            /absent → the folder: /absent: cannot be read: there is no such file or folder
            / --reference /absent → --reference: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .verifyCheckpoint, "",
            """
            --model /absent --golden /absent → --model: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .distill, "",
            """
            --teacher /absent --prompts /absent --output run → --teacher: /absent: cannot be read: there is no \
            such file or folder
            --teacher / --prompts /absent --output run → --prompts: /absent: cannot be read: there is no such \
            file or folder
            """),
        table(
            .trainTeacher, "",
            """
            /absent --output teacher → the folder: /absent: cannot be read: there is no such file or folder
            report /absent → the folder: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .trainTeacher, "errors",
            """
            /absent --model /absent → the folder: /absent: cannot be read: there is no such file or folder
            / --model /absent → --model: /absent: cannot be read: there is no such file or folder
            / --model / --prompts /absent → --prompts: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .textToImage, "heart",
            """
            --model /absent → --model: /absent: cannot be read: there is no such file or folder
            --tokenizer /absent → --tokenizer: /absent: cannot be read: there is no such file or folder
            --vae /absent → --vae: /absent: cannot be read: there is no such file or folder
            --lora /absent → --lora: /absent: cannot be read: there is no such file or folder
            --latents /absent → --latents: /absent: cannot be read: there is no such file or folder
            --embeddings /absent → --embeddings: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .textToImage, "heart --steps 2",
            """
            --image /absent → --image: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .textToImage, "",
            """
            --prompts /absent --output many → --prompts: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .evaluate, "/",
            """
            --captions /absent → --captions: /absent: cannot be read: there is no such file or folder
            --reference /absent → --reference: /absent: cannot be read: there is no such file or folder
            --inception /absent → --inception: /absent: cannot be read: there is no such file or folder
            --clip /absent → --clip: /absent: cannot be read: there is no such file or folder
            --efficientnet /absent → --efficientnet: /absent: cannot be read: there is no such file or folder
            --alignment /absent → --alignment: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .compareLosses, "",
            """
            pictures --teacher /absent --prompts / --sheet-prompts / → --teacher: /absent: cannot be read: there \
            is no such file or folder
            pictures --teacher / --prompts /absent --sheet-prompts / → --prompts: /absent: cannot be read: there \
            is no such file or folder
            pictures --teacher / --prompts / --sheet-prompts /absent → --sheet-prompts: /absent: cannot be read: \
            there is no such file or folder
            """),
        table(
            .distill, "--teacher / --prompts / --output run",
            """
            --tokenizer /absent → --tokenizer: /absent: cannot be read: there is no such file or folder
            --embeddings /absent → --embeddings: /absent: cannot be read: there is no such file or folder
            --student /absent → --student: /absent: cannot be read: there is no such file or folder
            --pairs /absent → --pairs: /absent: cannot be read: there is no such file or folder
            --sheet-prompts /absent → --sheet-prompts: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .trainTeacher, "--shapes --output teacher",
            """
            --autoencoder /absent → --autoencoder: /absent: cannot be read: there is no such file or folder
            --tokenizer /absent → --tokenizer: /absent: cannot be read: there is no such file or folder
            --start /absent → --start: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .trainLoRA, "/ --model / --output lora",
            """
            --tokenizer /absent → --tokenizer: /absent: cannot be read: there is no such file or folder
            --prior-prompts /absent → --prior-prompts: /absent: cannot be read: there is no such file or folder
            """),
        table(
            .verifyCheckpoint, "--model /",
            """
            --golden /absent → --golden: /absent: cannot be read: there is no such file or folder
            --golden / --tiny-vae /absent → --tiny-vae: /absent: cannot be read: there is no such file or folder
            """),
    ].flatMap { $0 }
}
