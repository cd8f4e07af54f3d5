extension ModelFiles {
    /// Throws ``ModelError`` if the text encoder's configuration contradicts the tokenizer.
    func checkAgreement(of tokenizer: CLIPTokenizer) throws {
        let fields = try layout.fields(.textEncoder)
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
        for width in unet.crossAttentionWidths {
            try unetFields.expect(
                width == text.width, "cross_attention_dim", "the text encoder's \(text.width)", width)
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
