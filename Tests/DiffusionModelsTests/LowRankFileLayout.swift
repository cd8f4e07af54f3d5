import Tensor

/// A common layout of LoRA files: the names of a layer's matrices.
struct LowRankFileLayout: Sendable, CustomStringConvertible {
    let description: String
    /// Maps a layer's path to the names of its matrices.
    private let names: @Sendable (String) -> (down: String, up: String)
    /// Whether files of this layout include alpha.
    private let hasAlpha: Bool

    static let all = [
        LowRankFileLayout("peft-in-memory") { ("\($0).lora_A.default.weight", "\($0).lora_B.default.weight") },
        LowRankFileLayout("diffusers") { ("unet.\($0).lora_A.weight", "unet.\($0).lora_B.weight") },
        LowRankFileLayout("diffusers-before") { ("unet.\($0).lora.down.weight", "unet.\($0).lora.up.weight") },
        LowRankFileLayout("diffusers-at-first") { path in
            // Only attention has a processor; other layers were named as in the `lora.down` layout.
            guard let dot = path.range(of: ".to_") else {
                return ("unet.\(path).lora.down.weight", "unet.\(path).lora.up.weight")
            }
            let name = path[dot.lowerBound...].dropFirst().replacing("to_out.0", with: "to_out")
            let processor = "unet.\(path[..<dot.lowerBound]).processor.\(name)_lora"
            return ("\(processor).down.weight", "\(processor).up.weight")
        },
        LowRankFileLayout("kohya", hasAlpha: true) { path in
            let flat = "lora_unet_" + path.replacing(".", with: "_")
            return ("\(flat).lora_down.weight", "\(flat).lora_up.weight")
        },
    ]

    private init(
        _ name: String, hasAlpha: Bool = false, names: @escaping @Sendable (String) -> (down: String, up: String)
    ) {
        (description, self.hasAlpha, self.names) = (name, hasAlpha, names)
    }

    /// The file's tensors for layers of the denoising network.
    func tensors(
        unet layers: [(path: String, down: Tensor, up: Tensor)], alpha: Float
    ) -> [(name: String, tensor: Tensor)] {
        layers.flatMap { layer in
            let names = names(layer.path)
            let scale = hasAlpha ? 1 : alpha / Float(layer.down.shape[0])
            let matrices = [(name: names.down, tensor: layer.down), (name: names.up, tensor: layer.up * scale)]
            let name = names.down.replacing(".lora_down.weight", with: ".alpha")
            return matrices + (hasAlpha ? [(name: name, tensor: Tensor(alpha))] : [])
        }
    }
}
