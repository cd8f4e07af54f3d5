extension ModelFiles {
    /// Throws ``ModelError`` if the text encoder's configuration contradicts the tokenizer.
    func checkAgreement(of tokenizer: CLIPTokenizer, with part: Part = .textEncoder) throws {
        let fields = try layout.fields(part)
        let text = try CLIPTextModel.Configuration(fields)
        let (length, tokens) = (tokenizer.maximumLength, tokenizer.vocabularySize)
        try fields.expect(
            length <= text.maximumPositions, "max_position_embeddings", "at least the tokenizer's \(length)",
            text.maximumPositions)
        let last = tokenizer.names.last.flatMap { $0 } ?? ""
        try fields.expect(
            tokens <= text.vocabularySize, "vocab_size",
            "at least the tokenizer's \(tokens), of which the last is \"\(last)\"", text.vocabularySize)
    }

    /// Throws ``ModelError`` if the configurations of the networks contradict each other.
    func checkAgreement() throws {
        let unetFields = try layout.fields(.unet)
        let text = try textEncoderConfiguration()
        let unet = try UNet2DConditionModel.Configuration(unetFields)
        let second = hasTwoTextEncoders ? try textEncoderConfiguration(.textEncoder2) : nil
        let textWidth = text.width + (second?.width ?? 0)
        for width in unet.crossAttentionWidths {
            try unetFields.expect(
                width == textWidth, "cross_attention_dim",
                second.map { "the text encoders' \(text.width) + \($0.width)" } ?? "the text encoder's \(textWidth)",
                width)
        }
        if unet.sizeEmbeddingWidth != nil {
            guard let second else {
                throw unetFields.unsupported(
                    "addition_embed_type", expected: "none, because the model has one text encoder")
            }
            let width = unet.pooledWidth
            try unetFields.expect(
                width == second.projectionWidth, "projection_class_embeddings_input_dim",
                "six times addition_time_embed_dim and the second text encoder's projection_dim, \(second.projectionWidth)",
                width + 6 * (unet.sizeEmbeddingWidth ?? 0))
        }
        var autoencoders: [(fields: ConfigurationFields, latent: Int, colours: Int)] = []
        if let other = otherAutoencoder {
            switch other.network {
            case .full(let model): autoencoders.append((other.fields, model.latentChannels, model.outputChannels))
            case .tiny(let model): autoencoders.append((other.fields, model.latentChannels, model.outputChannels))
            }
        }
        if otherAutoencoder == nil {
            let fields = try layout.fields(.vae)
            let model = try AutoencoderKL.Configuration(fields)
            autoencoders.append((fields, model.latentChannels, model.outputChannels))
        }
        for (fields, latent, colours) in autoencoders {
            try unetFields.expect(
                unet.inputChannels == latent || unet.isInpainting, "in_channels",
                "the autoencoder's \(latent) latent channels, or \(2 * latent + 1) of an inpainting model",
                unet.inputChannels)
            try unetFields.expect(
                unet.outputChannels == latent, "out_channels",
                "the autoencoder's \(latent) latent channels", unet.outputChannels)
            try fields.expect(colours == 3, "out_channels", "3 colours", colours)
        }
    }
}

extension ConfigurationFields {
    fileprivate func expect(_ isAgreed: Bool, _ field: String, _ expected: String, _ found: Int) throws {
        if isAgreed { return }
        throw ModelError.invalidField(file: file, field: field, expected: expected, found: "\(found)")
    }
}
