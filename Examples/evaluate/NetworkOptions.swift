import ArgumentParser
import Foundation
import SwiftBrushCommands
import SwiftBrushEvaluation

extension FeatureMetric: ExpressibleByArgument {}
extension InceptionV3.Resizing: ExpressibleByArgument {}

/// Options for the networks that evaluate images.
struct NetworkOptions: ParsableArguments {
    @Option(help: "The weights of EfficientNet-Lite0. Default: those in Examples/Models.")
    var efficientnet: URL?

    @Option(help: "Use FID's Inception-v3: pytorch-fid's pt_inception-2015-12-05 in safetensors.")
    var inception: URL?

    @Option(help: "The resizing of images for Inception-v3, as in clean-fid or pytorch-fid.")
    var resizing = InceptionV3.Resizing.clean

    @Option(help: "The text-picture alignment model for small images. Default: that in Examples/Models.")
    var alignment: URL?

    @Option(help: "Compute the CLIP score instead, with the model in this folder, of transformers or OpenCLIP.")
    var clip: URL?

    @Option(help: "The text that the CLIP score puts before each caption, such as \"A photo depicts \".")
    var textPrefix = ""

    /// Checks that the files and folders exist. Throws `ValidationError`.
    func checkPaths() throws {
        for (url, option) in [
            (inception, "--inception"), (clip, "--clip"), (efficientnet, "--efficientnet"), (alignment, "--alignment"),
        ] { try checkInput(url, option) }
    }

    func featureNetwork() throws -> any FeatureNetwork {
        if let inception { return try InceptionV3(contentsOf: inception, resizing: resizing) }
        return try smallNetwork()
    }

    /// The model that compares images with captions.
    func textPictureAlignment() throws -> any TextPictureAlignment {
        if let clip { return try CLIPAlignment(contentsOf: clip, prefix: textPrefix) }
        return try SmallPictureAlignment(
            contentsOf: alignment ?? ExampleModels.url("emoji-alignment/model.safetensors"), network: smallNetwork())
    }

    private func smallNetwork() throws -> EfficientNetLite0 {
        try EfficientNetLite0(contentsOf: efficientnet ?? ExampleModels.url("efficientnet-lite0/model.safetensors"))
    }
}
