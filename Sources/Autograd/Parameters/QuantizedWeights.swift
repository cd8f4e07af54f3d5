import Tensor

extension ParameterSet {
    /// Stores the weights of linear layers and convolutions in 8-bit integers with one scale for each output; see `Tensor.quantized()`.
    /// Embeddings, norms and biases stay as they are.
    ///
    /// - Parameter progress: called with the number of bytes read, per weight.
    ///
    /// Returns whether all of these weights were finite.
    package func quantizeProductWeights(progress: (Int) -> Void = { _ in }) -> Bool {
        var areFinite = true
        for parameter in all where parameter.isProductWeight {
            guard let value = parameter.storedValue else { continue }
            let quantized = value.quantized()
            areFinite = areFinite && quantized.scales?.nonFiniteCount() == 0
            parameter.value = quantized
            progress(value.storedByteCount)
        }
        return areFinite
    }

    /// Stores every value as Float32.
    package func widen() {
        for parameter in all {
            if let value = parameter.storedValue { parameter.value = value.widened() }
        }
    }
}

extension [Parameter] {
    /// Throws ``AutogradError`` if one is stored in 8-bit integers: those are for computing with a model that does not change, because a
    /// change that is smaller than their rounding would be lost.
    package func checkAreNotQuantized(for operation: String) throws(AutogradError) {
        guard let parameter = first(where: { $0.storedValue?.scalarType == .int8 }) else { return }
        throw .invalidSetting(
            operation: operation, name: parameter.path,
            expected: "a weight in Float32, Float16 or BFloat16, as of a model loaded with weights: .float32",
            found: "8-bit integers (\(ScalarType.int8.rawValue))")
    }
}
