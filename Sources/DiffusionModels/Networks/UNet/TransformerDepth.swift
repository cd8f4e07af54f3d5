/// The number of transformer blocks in the transformers of one block of a UNet: the same for all of its layers, or one per layer, as in
/// SSD-1B. An integer literal stands for the same number.
public struct TransformerDepth: Sendable, Equatable, ExpressibleByIntegerLiteral {
    private let depth: Int
    /// The depth of each layer's transformer; nil if all have the same.
    let perLayer: [Int]?

    /// The same depth in all layers.
    public init(_ depth: Int) { (self.depth, perLayer) = (depth, nil) }

    /// A depth per layer, at least one; if they are equal, the same depth in all layers.
    public init(perLayer depths: [Int]) {
        (depth, perLayer) = (depths.first ?? 1, Set(depths).count > 1 ? depths : nil)
    }

    /// The same depth in all layers.
    public init(integerLiteral depth: Int) { self.init(depth) }

    /// The depth of the transformer of a layer. The middle block's transformer has that of layer 0 of the last block.
    public subscript(layer: Int) -> Int { perLayer?[layer] ?? depth }

    /// The smallest depth.
    var least: Int { perLayer?.min() ?? depth }

    /// A number, or a list with one number per layer.
    var json: JSONValue { perLayer.map { .array($0.map { .integer($0) }) } ?? .integer(depth) }
}

extension ConfigurationFields {
    /// Depths per block: one number for all, or a list with a number, or a list of a number per layer, for each.
    ///
    /// - Parameters:
    ///   - field: the field's name; 1 if it is absent.
    ///   - layers: the number of layers of each block.
    func depths(_ field: String, layers: [Int]) throws -> [TransformerDepth] {
        let range = 1...64
        guard case .array(let elements)? = values[field],
            elements.contains(where: { if case .array = $0 { true } else { false } })
        else {
            return try integersPerBlock(field, blocks: layers.count, default: 1, in: range).map { .init($0) }
        }
        let expected =
            "a number from 1 to 64, or a list of one per layer, for each of \(layers.count) blocks of \(layers) layers"
        guard elements.count == layers.count else { throw invalid(field, expected: expected) }
        return try zip(elements, layers).map { element, layers in
            if let depth = element.asInteger, range.contains(depth) { return TransformerDepth(depth) }
            guard case .array(let list) = element, list.count == layers else {
                throw invalid(field, expected: expected)
            }
            let depths = list.compactMap { $0.asInteger }.filter(range.contains)
            guard depths.count == layers else { throw invalid(field, expected: expected) }
            return TransformerDepth(perLayer: depths)
        }
    }
}
