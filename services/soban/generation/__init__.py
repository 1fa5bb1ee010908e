"""Text from engines behind one door: admission, streaming that breaks no character, engines that come back."""
