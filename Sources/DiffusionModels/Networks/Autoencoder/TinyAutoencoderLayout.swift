/// The naming scheme of the layers in a file of TAESD's weights.
///
/// diffusers writes `decoder.layers.0.weight`. TAESD's original files contain one network each, whose keys are plain layer numbers, with
/// or without the prefix `taesd_decoder.`. The decoder there begins with a layer without weights, so its numbers are one higher.
enum TinyAutoencoderLayout: Sendable {
    case diffusers
    case original(prefix: String)

    /// Detects the layout from tensor names; nil for other files and for TAESD's encoder alone.
    init?(_ names: [String]) {
        func begins(_ name: String, with prefix: String) -> Bool {
            name.hasPrefix(prefix) && name.dropFirst(prefix.count).first?.isNumber == true
        }
        if names.contains(where: { begins($0, with: "decoder.layers.") }) {
            self = .diffusers
        } else if names.contains(where: { begins($0, with: "taesd_decoder.") }) {
            self = .original(prefix: "taesd_decoder.")
        } else if !names.isEmpty, names.allSatisfy({ begins($0, with: "") }), names.contains("1.weight") {
            // The decoder's first convolution is layer 1; the encoder's is layer 0.
            self = .original(prefix: "")
        } else {
            return nil
        }
    }

    /// The name of a key in diffusers' layout.
    func name(of key: String) -> String {
        guard case .original(let prefix) = self else { return key }
        if key.hasPrefix("taesd_encoder.") { return "encoder.layers.\(key.dropFirst("taesd_encoder.".count))" }
        let words = key.dropFirst(key.hasPrefix(prefix) ? prefix.count : 0).split(separator: ".")
        guard key.hasPrefix(prefix), let first = words.first, let number = Int(first), number > 0 else { return key }
        return (["decoder", "layers", "\(number - 1)"] + words.dropFirst()).joined(separator: ".")
    }
}

extension AutoencoderTiny {
    /// The `config.json` of a file, inferred from the shapes of its tensors.
    ///
    /// Throws ``ModelError`` when a tensor that determines the network's size is missing.
    static func fields(of tensors: PrefixedTensors) throws -> [String: JSONValue] {
        let decoder = try stages(of: "decoder", tensors)
        let exit = decoder.last ?? Stage()
        var fields: [String: JSONValue] = [
            "_class_name": .string("AutoencoderTiny"),
            "latent_channels": .integer(try tensors.shape("decoder.layers.0.weight", rank: 4)[1]),
            "out_channels": .integer(exit.outputs),
            "decoder_block_out_channels": .array(decoder.map { .integer($0.inputs) }),
            "num_decoder_blocks": .array(decoder.map { .integer($0.blocks) }),
            "has_encoder": .boolean(false),
        ]
        guard tensors.contains("encoder.layers.0.weight") else { return fields }
        // Each stage but the last begins with a convolution; the last is the convolution to latents.
        let encoder = try stages(of: "encoder", tensors)
        fields["has_encoder"] = .boolean(true)
        fields["in_channels"] = .integer(try tensors.shape("encoder.layers.0.weight", rank: 4)[1])
        fields["encoder_block_out_channels"] = .array(encoder.map { .integer($0.inputs) })
        fields["num_encoder_blocks"] = .array(encoder.map { .integer($0.blocks) })
        return fields
    }

    /// Blocks of one width and the convolution after them.
    private struct Stage {
        var blocks = 0
        var inputs = 0
        var outputs = 0
    }

    /// The stages after the first convolution. Layers without weights leave gaps in the numbering.
    private static func stages(of part: String, _ tensors: PrefixedTensors) throws -> [Stage] {
        var (stages, blocks, gap, number) = ([Stage](), 0, 0, 1)
        while gap < 3 {
            let layer = "\(part).layers.\(number)"
            number += 1
            if tensors.contains("\(layer).conv.0.weight") {
                (blocks, gap) = (blocks + 1, 0)
            } else if tensors.contains("\(layer).weight") {
                let shape = try tensors.shape("\(layer).weight", rank: 4)
                stages.append(Stage(blocks: blocks, inputs: shape[1], outputs: shape[0]))
                (blocks, gap) = (0, 0)
            } else {
                gap += 1
            }
        }
        if stages.isEmpty { _ = try tensors.shape("\(part).layers.\(number - gap).weight", rank: 4) }
        return stages
    }
}
