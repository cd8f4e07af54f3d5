import Tensor

/// Which inputs of a recorded operation require a gradient, by their position.
struct GradientNeeds {
    private let needs: [Bool]

    init(_ needs: [Bool]) { self.needs = needs }

    /// Whether any input requires a gradient.
    var any: Bool { needs.contains(true) }

    /// Whether an input requires a gradient.
    subscript(input: Int) -> Bool { needs[input] }

    /// The gradient of an input, computed only if the input requires it.
    func callAsFunction(_ input: Int, _ gradient: @autoclosure () -> Tensor) -> Tensor? {
        needs[input] ? gradient() : nil
    }
}
