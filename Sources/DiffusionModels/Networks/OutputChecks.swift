import Autograd
import Tensor

// What a network, a text encoder or a decoder of one's own returns is checked where the pipeline and training use it.

extension DenoisingNetwork {
    /// Throws ``ModelError`` for a condition without the pooled embedding that the network reads.
    package func check(_ condition: TextCondition) throws {
        guard let pooledWidth, condition.pooled?.shape[1] != pooledWidth else { return }
        throw ModelError.invalidArgument(
            operation: "\(Self.self).predict", argument: "condition",
            expected: "pooled text embeddings of width \(pooledWidth), as of Stable Diffusion XL's text encoders",
            found: condition.pooled.map { "\($0.shape)" } ?? "none")
    }

    /// ``predict(_:at:given:)``. Throws ``ModelError`` as ``check(_:)`` does, and unless the output has the samples' shape.
    package func checkedPrediction(
        _ noisy: Variable, at timesteps: [Double], given condition: TextCondition
    ) throws -> Variable {
        try check(condition)
        let output = predict(noisy, at: timesteps, given: condition)
        try checkOutputs([output], count: 1, of: noisy)
        return output
    }

    /// Throws `CancellationError` in a cancelled computation, whose passes stop without a result, and ``ModelError`` unless there are `count`
    /// outputs of the samples' shape.
    package func checkOutputs(_ outputs: [Variable], count: Int, of noisy: Variable) throws {
        if ComputationCancellation.current?.isCancelled == true { throw CancellationError() }
        guard outputs.count == count, outputs.allSatisfy({ $0.shape == noisy.shape }) else {
            throw ModelError.invalidArgument(
                operation: "\(Self.self).predict", argument: "output",
                expected: count == 1 ? "\(noisy.shape)" : "\(count) of \(noisy.shape)",
                found: outputs.map { "\($0.shape)" }.joined(separator: ", "))
        }
    }
}

extension TextEncoder {
    /// ``condition(for:windows:)``. Throws ``ModelError`` unless there is one condition per prompt, of at least one token.
    package func checkedCondition(for prompts: [String], windows: Int) throws -> TextCondition {
        let condition = try condition(for: prompts, windows: windows)
        guard condition.count == prompts.count, condition.tokens.value.count > 0 else {
            throw ModelError.invalidArgument(
                operation: "\(Self.self).condition", argument: "output", expected: "[\(prompts.count), tokens, width]",
                found: "\(condition.tokens.shape)")
        }
        return condition
    }
}

extension LatentDecoder {
    /// ``pictures(of:)``. Throws ``ModelError`` unless there is one picture of ``pixelsPerLatent`` pixels per latent for each of the latents,
    /// with `channels` channels, nil for any number.
    package func checkedPictures(of latents: Variable, channels: Int? = 3) throws -> Variable {
        let pictures = pictures(of: latents)
        let expected = [latents.shape[0], latents.shape[1] * pixelsPerLatent, latents.shape[2] * pixelsPerLatent]
        guard pictures.shape.count == 4, pictures.shape.dropLast() == expected[...],
            channels.map({ $0 == pictures.shape[3] }) ?? true
        else {
            throw ModelError.invalidArgument(
                operation: "\(Self.self).pictures", argument: "output",
                expected: "\(expected + [channels ?? 3])", found: "\(pictures.shape)")
        }
        return pictures
    }
}
