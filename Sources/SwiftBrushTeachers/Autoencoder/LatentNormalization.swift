import Autograd
import DiffusionModels
import Foundation
import Tensor

/// The affine map z′ = L⁻¹ (z − m) that gives latents mean 0 and covariance 1: m is their mean per channel, L Lᵀ their
/// covariance (Cholesky).
///
/// An autoencoder's latents are off centre and have little variance in some directions; a denoising network needs latents
/// with the statistics of noise.
struct LatentNormalization {
    /// The mean per channel, m.
    let mean: [Double]
    /// The Cholesky factor L, lower triangular, row by row.
    let root: [[Double]]
    /// The inverse L⁻¹, lower triangular, row by row.
    let inverseRoot: [[Double]]

    /// Computes the map for latents `[pictures, height, width, channels]`.
    init(of latents: Tensor) {
        let channels = latents.shape[3]
        let count = Double(latents.count / channels)
        var mean = [Double](repeating: 0, count: channels)
        var covariance = [[Double]](repeating: mean, count: channels)
        latents.withUnsafeScalars { values in
            for start in stride(from: 0, to: values.count, by: channels) {
                for c in 0..<channels { mean[c] += Double(values[start + c]) / count }
            }
            for start in stride(from: 0, to: values.count, by: channels) {
                for a in 0..<channels {
                    for b in 0...a {
                        covariance[a][b] +=
                            (Double(values[start + a]) - mean[a]) * (Double(values[start + b]) - mean[b]) / count
                    }
                }
            }
        }
        self.mean = mean
        root = Self.cholesky(covariance)
        inverseRoot = Self.inverse(root)
    }

    /// The Cholesky factor of the symmetric matrix whose lower half is given. A direction without variance keeps its scale.
    private static func cholesky(_ matrix: [[Double]]) -> [[Double]] {
        var root = matrix.map { $0.map { _ in 0.0 } }
        for a in matrix.indices {
            for b in 0...a {
                let rest = matrix[a][b] - (0..<b).reduce(0) { $0 + root[a][$1] * root[b][$1] }
                root[a][b] = a > b ? rest / root[b][b] : rest > 1e-12 ? rest.squareRoot() : 1
            }
        }
        return root
    }

    private static func inverse(_ root: [[Double]]) -> [[Double]] {
        var inverse = root.map { $0.map { _ in 0.0 } }
        for column in root.indices {
            for row in column..<root.count {
                let rest = (column..<row).reduce(row == column ? 1.0 : 0) { $0 - root[row][$1] * inverse[$1][column] }
                inverse[row][column] = rest / root[row][row]
            }
        }
        return inverse
    }
}

extension AutoencoderKL {
    /// The same autoencoder with latents of mean 0 and covariance 1 over the given pictures, so that the scaling factor can be 1.
    ///
    /// The affine map is folded into `quant_conv`, exactly for the latents' means, and its inverse into `post_quant_conv`. The
    /// diagonal variances cannot be mapped exactly: each is scaled by a constant that makes its mean the mapped variances' mean.
    ///
    /// Throws ``TrainingError`` for pictures of an unsuitable size, or an autoencoder without those two layers or with another
    /// scaling factor.
    public func normalizingLatents(of pictures: CaptionedPictures) throws -> AutoencoderKL {
        guard configuration.hasQuantConvolution, configuration.hasPostQuantConvolution,
            configuration.scalingFactor == 1
        else {
            throw TrainingError.invalidSetting(
                name: "autoencoder", expected: "quant_conv, post_quant_conv and a scaling factor of 1",
                found: "a scaling factor of \(configuration.scalingFactor)")
        }
        let normalization = LatentNormalization(of: try latents(of: pictures))
        let copy = AutoencoderKL(configuration, in: parameters.copy(trainable: false).scope)
        let variances = copy.meanVariances(of: pictures)
        copy.fold(normalization, variances: variances)
        return copy
    }

    /// The mean variance of each latent channel over a subset of the pictures.
    private func meanVariances(of pictures: CaptionedPictures) -> [Double] {
        let some = Array(stride(from: 0, to: pictures.count, by: max(1, pictures.count / 64)))
        let variances = encode(Variable(pictures.colours(some))).logVariance.value.exp()
        return variances.mean(alongAxes: [0, 1, 2]).scalars.map(Double.init)
    }

    private func fold(_ map: LatentNormalization, variances: [Double]) {
        let channels = configuration.latentChannels
        guard let quantWeight = parameters["quant_conv.weight"], let quantBias = parameters["quant_conv.bias"],
            let postWeight = parameters["post_quant_conv.weight"], let postBias = parameters["post_quant_conv.bias"]
        else { fatalError("AutoencoderKL: expected quant_conv and post_quant_conv, found none") }
        let (quant, shift) = (quantWeight.value.scalars.map(Double.init), quantBias.value.scalars.map(Double.init))
        let (post, postShift) = (postWeight.value.scalars.map(Double.init), postBias.value.scalars.map(Double.init))
        var (newQuant, newShift, newPost, newPostShift) = (quant, shift, post, postShift)
        for row in 0..<channels {
            for column in 0..<2 * channels {
                newQuant[row * 2 * channels + column] = (0..<channels).reduce(0) {
                    $0 + map.inverseRoot[row][$1] * quant[$1 * 2 * channels + column]
                }
            }
            newShift[row] = (0..<channels).reduce(0) { $0 + map.inverseRoot[row][$1] * (shift[$1] - map.mean[$1]) }
            let mapped = (0..<channels).reduce(0) {
                $0 + map.inverseRoot[row][$1] * map.inverseRoot[row][$1] * variances[$1]
            }
            newShift[channels + row] += log(mapped / variances[row])
            for column in 0..<channels {
                newPost[row * channels + column] = (0..<channels).reduce(0) {
                    $0 + post[row * channels + $1] * map.root[$1][column]
                }
            }
            newPostShift[row] += (0..<channels).reduce(0) { $0 + post[row * channels + $1] * map.mean[$1] }
        }
        for (parameter, values) in [
            (quantWeight, newQuant), (quantBias, newShift), (postWeight, newPost), (postBias, newPostShift),
        ] {
            parameter.value = Tensor(values.map { Float($0) }, shape: parameter.shape)
        }
    }
}
