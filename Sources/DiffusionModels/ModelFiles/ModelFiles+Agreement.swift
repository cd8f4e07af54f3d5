extension ModelFiles {
    /// Throws ``ModelError`` if the configurations of the parts contradict each other, or the tokenizer if there is one.
    func checkAgreement(with tokenizer: CLIPTokenizer?) throws {
        let textFields = try layout.fields(.textEncoder)
        let unetFields = try layout.fields(.unet)
        let text = try CLIPTextModel.Configuration(textFields)
        let unet = try UNet2DConditionModel.Configuration(unetFields)
        func expect(
            _ isAgreed: Bool, _ fields: ConfigurationFields, _ field: String, _ expected: String, _ found: Int
        ) throws {
            if isAgreed { return }
            throw ModelError.invalidField(file: fields.file, field: field, expected: expected, found: "\(found)")
        }
        if let tokenizer {
            let (length, tokens) = (tokenizer.maximumLength, tokenizer.vocabularySize)
            try expect(
                length <= text.maximumPositions, textFields, "max_position_embeddings",
                "at least the tokenizer's \(length)", text.maximumPositions)
            let last = tokenizer.names.last.flatMap { $0 } ?? ""
            try expect(
                tokens <= text.vocabularySize, textFields, "vocab_size",
                "at least the tokenizer's \(tokens), of which the last is \"\(last)\"", text.vocabularySize)
        }
        for width in unet.crossAttentionWidths {
            try expect(
                width == text.width, unetFields, "cross_attention_dim", "the text encoder's \(text.width)", width)
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
            let purpose = unet.inputChannels == 9 ? ", not those of an inpainting model" : ""
            try expect(
                unet.inputChannels == latent, unetFields, "in_channels",
                "the autoencoder's \(latent) latent channels\(purpose)", unet.inputChannels)
            try expect(
                unet.outputChannels == latent, unetFields, "out_channels",
                "the autoencoder's \(latent) latent channels", unet.outputChannels)
            try expect(colours == 3, fields, "out_channels", "3 colours", colours)
        }
    }
}
