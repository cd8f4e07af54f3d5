import Foundation
import Tensor

extension CheckpointSummary {
    /// The published student that the files look like.
    mutating func addStudent(at url: URL, isLoRA: Bool = false) {
        guard let found = RecognizedStudent(at: url) else { return }
        add("student", "\(found)")
        add("", found.advice(isLoRA: isLoRA))
    }

    /// Summarises a LoRA file or folder, with the effective scale of every layer.
    mutating func summarizeAdapter(_ url: URL) {
        add("kind", "\(CheckpointKind.lora.rawValue): \(CheckpointKind.lora.advice)")
        addStudent(at: url, isLoRA: true)
        guard let weights = attempt({ try LowRankWeights(contentsOf: url) }) else { return }
        if let step = weights.oneStep {
            add("student", "\(step.summary): merged into its teacher, or a model fine-tuned from it")
        }
        func count(_ part: LowRankWeights.Part) -> Int { weights.layers.filter { $0.part == part }.count }
        let second = count(.textEncoder2) == 0 ? "" : ", \(count(.textEncoder2)) of the second one"
        add("layers", "\(count(.unet)) of the unet, \(count(.textEncoder)) of the text encoder\(second)")
        let parameters = weights.layers.reduce(0) { $0 + $1.parameterCount }
        add("", "\(millions(parameters)) parameters")
        add("alpha", weights.scaleSource)
        let kinds = Set(weights.layers.map(\.kind))
        if kinds != ["LoRA"] { add("changes", kinds.sorted().joined(separator: ", ")) }
        let first = weights.layers[0]
        func rank(_ layer: LowRankWeights.Layer) -> String { layer.rank.map { "\($0)" } ?? "full" }
        if weights.layers.allSatisfy({ $0.rank == first.rank && $0.scale == first.scale }) {
            add("rank", "\(rank(first)), scale \(first.scale), of every layer")
            return
        }
        lineLimit = .max
        for layer in weights.layers {
            add(
                layer.flatPath == first.flatPath ? "rank" : "",
                "\(rank(layer)), scale \(layer.scale): \(layer.part.rawValue) \(layer.flatPath)")
        }
    }
}
