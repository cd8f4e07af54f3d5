extension Tensor: Equatable {
    /// Whether shapes and all elements are equal, as Float32; NaN equals nothing.
    public static func == (a: Tensor, b: Tensor) -> Bool { a.shape == b.shape && a.scalars == b.scalars }
}

extension Tensor: ExpressibleByArrayLiteral {
    /// A vector, of shape `[elements.count]`.
    public init(arrayLiteral elements: Float...) { self.init(elements, shape: [elements.count]) }
}
