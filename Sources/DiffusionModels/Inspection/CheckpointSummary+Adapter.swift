import Foundation
import Tensor

extension CheckpointSummary {
    /// Summarises a LoRA file or folder, with the effective scale of every layer.
    mutating func summarizeAdapter(_ url: URL) {
        add("kind", "\(CheckpointKind.lora.rawValue): \(CheckpointKind.lora.advice)")
        guard let weights = attempt({ try LowRankWeights(contentsOf: url) }) else { return }
        func count(_ part: LowRankWeights.Part) -> Int { weights.layers.filter { $0.part == part }.count }
        add("layers", "\(count(.unet)) of the unet, \(count(.textEncoder)) of the text encoder")
        let parameters = weights.layers.reduce(0) { $0 + $1.down.count + $1.up.count }
        add("", "\(millions(parameters)) parameters")
        add("alpha", weights.scaleSource)
        let first = weights.layers[0]
        if weights.layers.allSatisfy({ $0.rank == first.rank && $0.scale == first.scale }) {
            add("rank", "\(first.rank), scale \(first.scale), of every layer")
            return
        }
        lineLimit = .max
        for layer in weights.layers {
            add(
                layer.flatPath == first.flatPath ? "rank" : "",
                "\(layer.rank), scale \(layer.scale): \(layer.part.rawValue) \(layer.flatPath)")
        }
    }
}
