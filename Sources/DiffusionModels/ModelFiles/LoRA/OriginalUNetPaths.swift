import Autograd

/// The names of a UNet's layers in the original code, which some LoRA files for Stable Diffusion XL use: `input_blocks_4_1_…` for
/// `down_blocks.1.attentions.0.…`.
enum OriginalUNetPaths {
    /// Whether a flat path is one of the original names.
    static func isOriginal(_ flatPath: String) -> Bool {
        ["input_blocks_", "middle_block_", "output_blocks_", "time_embed_", "label_emb_", "out_"].contains {
            flatPath.hasPrefix($0)
        }
    }

    /// The paths of a network's layers by their flat original names.
    ///
    /// - Parameter paths: the paths of its layers, such as `down_blocks.1.attentions.0.proj_in`.
    static func paths(of paths: [String]) -> [String: String] {
        let places = places(of: Set(paths.map { $0.split(separator: ".").prefix(4).joined(separator: ".") }))
        let layers = Dictionary(LatentDiffusionUNet.layers.map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var found: [String: String] = [:]
        for path in paths {
            let words = path.split(separator: ".").map(String.init)
            for length in 1...4 where words.count >= length {
                guard let place = places[words.prefix(length).joined(separator: ".")] else { continue }
                let rest = words.dropFirst(length).joined(separator: ".")
                let name = rest.isEmpty ? place : "\(place).\(place.hasSuffix(".T") ? rest : layers[rest] ?? rest)"
                found[name.replacing(".T", with: "").replacing(".", with: "_")] = path
                break
            }
        }
        return found
    }

    /// The original paths of blocks, by their paths; those of transformers end in `.T`, because their layers keep their names.
    private static func places(of blocks: Set<String>) -> [String: String] {
        var places = [
            "conv_in": "input_blocks.0.0", "conv_norm_out": "out.0", "conv_out": "out.2",
            "time_embedding.linear_1": "time_embed.0",
            "time_embedding.linear_2": "time_embed.2", "add_embedding.linear_1": "label_emb.0.0",
            "add_embedding.linear_2": "label_emb.0.2", "mid_block.resnets.0": "middle_block.0",
            "mid_block.attentions.0": "middle_block.1.T", "mid_block.resnets.1": "middle_block.2",
        ]
        var number = 1
        for block in 0... {
            let path = "down_blocks.\(block)"
            guard blocks.contains("\(path).resnets.0") else { break }
            for layer in 0... {
                guard blocks.contains("\(path).resnets.\(layer)") else { break }
                places["\(path).resnets.\(layer)"] = "input_blocks.\(number).0"
                places["\(path).attentions.\(layer)"] = "input_blocks.\(number).1.T"
                number += 1
            }
            guard blocks.contains("\(path).downsamplers.0") else { continue }
            places["\(path).downsamplers.0"] = "input_blocks.\(number).0"
            number += 1
        }
        number = 0
        for block in 0... {
            let path = "up_blocks.\(block)"
            guard blocks.contains("\(path).resnets.0") else { break }
            let hasAttention = blocks.contains("\(path).attentions.0")
            for layer in 0... {
                guard blocks.contains("\(path).resnets.\(layer)") else { break }
                places["\(path).resnets.\(layer)"] = "output_blocks.\(number).0"
                places["\(path).attentions.\(layer)"] = "output_blocks.\(number).1.T"
                places["\(path).upsamplers.0"] = "output_blocks.\(number).\(hasAttention ? 2 : 1).T"
                number += 1
            }
        }
        return places
    }
}
