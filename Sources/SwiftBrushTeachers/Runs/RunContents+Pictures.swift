import DiffusionModels
import Foundation
import SwiftBrushRuntime

extension RunContents {
    /// Adds pictures and their captions, both of which are compared exactly.
    mutating func add(_ name: String, of set: CaptionedPictures) {
        add(name, bytes: set.pictures.lazy.map { Data($0.pixels) })
        add("captions", of: set.captions)
    }

    /// Adds captions, which are compared exactly.
    mutating func add(_ name: String, of captions: [CaptionedPicture]) {
        add(
            name,
            texts: captions.flatMap {
                [$0.text, $0.group ?? "", "\($0.weight)"] + $0.keywords + ["\($0.keywords.count)"]
            })
    }
}
